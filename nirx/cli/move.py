"""`nirx move`: a model from one library to another, and what that changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nirx.basics.tables import cell
from nirx.bridging.bridge import find_bridge
from nirx.cli.inputs import Batch, InputData, Rate, Seed, Steps, make_inputs
from nirx.cli.memory_limit import MaxMemory
from nirx.cli.opening import Opened
from nirx.cli.options import (
    Dt,
    FromLibrary,
    Html,
    InputShape,
    Json,
    Overrides,
    Preset,
    Repair,
    Sets,
    Subject,
)
from nirx.cli.report import Report
from nirx.cli.subject import open_subject
from nirx.files.whole_file import hold_target, write_whole
from nirx.files.writing import write
from nirx.inputs.choose import file_named
from nirx.inputs.protocol import whole
from nirx.moving.inputs import RandomSpikes
from nirx.moving.move import Move, move
from nirx.moving.table import fidelity_table, remarks
from nirx.viewing.page import check_page, page
from nirx.viewing.view import move_scene

__all__ = ["move_command"]

DIFFERENT = 1


def move_command(
    model: Subject,
    to: Annotated[str, typer.Option("--to", metavar="LIBRARY", help="The library to move to.")],
    source: FromLibrary = None,
    input_: InputData = None,
    random: Seed = None,
    steps: Steps = None,
    batch: Batch = None,
    rate: Rate = None,
    input_shape: InputShape = None,
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
    html: Html = None,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> Report:
    """Move a model to another library and compare source, nirx and target on one input.

    Exit status 0 if no spike differs, 1 if the target (or the source) behaves differently,
    2 for bad input or a model that the target cannot represent.
    """
    hold_target(out, "--out", model, file_named(input_))
    if html is not None:
        hold_target(html, "--html", model, file_named(input_))
        check_page()
    find_bridge(to)
    subject, opened = open_subject(
        model, source, input_shape, dt, preset, set_, override, repair=repair, max_memory=max_memory
    )
    if input_ is None:
        given = {"steps": steps, "batch": batch, "rate": rate, "seed": random}
        xs: Any = RandomSpikes(**{name: n for name, n in given.items() if n is not None})
    else:
        data = make_inputs(
            opened.schedule, "float32", input_, random, steps, batch, rate, graph=opened.graph
        )
        xs = whole(data)
    moved = move(subject, to, xs=xs, discretization=opened.discretization, adapt=adapt)
    if out is not None:
        write(out, moved.graph)
    if html is not None:
        title = f"{model}: {moved.source or 'graph'} to {moved.target}"
        write_whole(html, page(move_scene(title, moved)))
    parts: list[Any] = [fidelity_table(moved), "\n".join(remarks(moved))]
    if out is not None:
        parts.append(f"graph: {cell(out)}")
    if html is not None:
        parts.append(f"page: {cell(html)}")
    return Report(
        DIFFERENT if moved.fidelity == "different" else 0,
        _payload(model, opened, moved, out),
        tuple(parts),
        json,
    )


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
