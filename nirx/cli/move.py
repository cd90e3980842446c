"""`nirx move`: a model from one library to another, and what that changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nirx.basics.importing import import_object
from nirx.basics.tables import cell
from nirx.bridging.bridge import find_bridge
from nirx.cli.inputs import Batch, InputFile, Rate, Seed, Steps, make_inputs
from nirx.cli.opening import Opened, open_graph, schedule_graph
from nirx.cli.options import Dt, Json, Overrides, Preset, Repair, Sets
from nirx.cli.report import Report
from nirx.errors import InputError, NirxError
from nirx.files.archive import check_target
from nirx.files.writing import write
from nirx.moving.inputs import RandomSpikes
from nirx.moving.movable import open_model
from nirx.moving.move import Move, move
from nirx.moving.table import fidelity_table, remarks

__all__ = ["move_command"]

DIFFERENT = 1


def move_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A .nir file, or module:object, a model or a function that builds one.",
        ),
    ],
    to: Annotated[str, typer.Option("--to", metavar="LIBRARY", help="The library to move to.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="LIBRARY",
            help="The library to move from. Default: inferred from the model.",
        ),
    ] = None,
    input_: InputFile = None,
    random: Seed = None,
    steps: Steps = None,
    batch: Batch = None,
    rate: Rate = None,
    input_shape: Annotated[
        str | None,
        typer.Option(
            "--input-shape",
            metavar="N,N,...",
            help="Shape of one sample, if the model's layers do not determine it.",
        ),
    ] = None,
    adapt: Annotated[
        bool,
        typer.Option(
            "--adapt",
            help="Use the closest model that the target can represent; report every change.",
        ),
    ] = False,
    dt: Dt = None,
    preset: Preset = None,
    set_: Sets = None,
    override: Overrides = None,
    repair: Repair = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="OUT.nir", help="Write the graph here, with its discretization."
        ),
    ] = None,
    json: Json = False,
) -> Report:
    """Move a model to another library and compare source, nirx and target on one input.

    Exit status 0 if no spike differs, 1 if the target (or the source) behaves differently,
    2 for bad input or a model that the target cannot represent.
    """
    check_target(out, "--out", model, input_)
    shape = None if input_shape is None else _shape(input_shape)
    imported = ":" in model and not Path(model).exists()
    if repair and imported:
        raise InputError(f"--repair goes with a .nir file, but {model!r} is a Python object")
    find_bridge(to)
    choices = (dt, preset, set_, override)
    if imported:
        subject = open_model(_import_model(model), source, shape)
        opened = schedule_graph(subject.graph, *choices)
    else:
        opened = open_graph(_graph_file(model), *choices, repair=repair)
        subject = open_model(opened.graph, source, shape)
    if input_ is None:
        given = {"steps": steps, "batch": batch, "rate": rate, "seed": random}
        xs: Any = RandomSpikes(**{name: n for name, n in given.items() if n is not None})
    else:
        xs = make_inputs(opened.schedule, "float32", input_, random, steps, batch, rate).arrays
    moved = move(subject, to, xs=xs, discretization=opened.discretization, adapt=adapt)
    if out is not None:
        write(out, moved.graph)
    parts: list[Any] = [fidelity_table(moved), "\n".join(remarks(moved))]
    if out is not None:
        parts.append(f"graph: {cell(out)}")
    return Report(
        DIFFERENT if moved.fidelity == "different" else 0,
        _payload(model, opened, moved, out),
        tuple(parts),
        json,
    )


def _graph_file(model: str) -> Path:
    path = Path(model)
    if path.suffix == ".py" or not path.exists():
        raise InputError(
            f"{model}: {'a Python file' if path.exists() else 'no such file'}; expected "
            "a .nir file or module:object, as in my_package.models:build"
        )
    return path


def _import_model(model: str) -> Any:
    """The object of `module:object`, or what it returns if it is a class or function."""
    try:
        found = import_object(model, "model")
        if isinstance(found, type) or type(found).__name__ == "function":
            found = found()
        return found
    except NirxError:
        raise
    except Exception as error:  # the user's own code may raise anything
        raise InputError(
            f"model {model!r} raised {type(error).__name__}: {error}; it must be a model, or a "
            "function without arguments that builds one"
        ) from error


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(n) for n in text.split(","))
    except ValueError:
        raise InputError(f"--input-shape {text!r}; expected integers, as in 2,34,34") from None


def _payload(model: str, opened: Opened, moved: Move, out: Path | None) -> dict[str, Any]:
    return {
        "model": model,
        "source": moved.source,
        "target": moved.target,
        "fidelity": moved.fidelity,
        "discretization_origin": opened.origin,
        "discretization": moved.discretization.to_json(),
        "changes": [{"node": change.node, "text": change.text} for change in moved.changes],
        "silent": list(moved.silent),
        "by_nirx": list(moved.by_nirx),
        **moved.comparison.to_dict(),
        "out": None if out is None else str(out),
    }
