"""`nirx quantize`: a float graph in the integer units of a chip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from typer import Option

from nirx.basics.tables import cell
from nirx.cli.inputs import Batch, DataSeed, InputData, Rate, Seed, Steps, make_inputs
from nirx.cli.integers import integer_target, whole_inputs_of
from nirx.cli.memory_limit import MaxMemory
from nirx.cli.opening import integer_fields, open_graph
from nirx.cli.options import Dt, File, Json, Overrides, Repair, Sets
from nirx.cli.report import Report
from nirx.errors import InputError
from nirx.files.whole_file import hold_target
from nirx.files.writing import write
from nirx.inputs.choose import file_named
from nirx.quantizing.quantize import quantize
from nirx.quantizing.table import quantization_table, remarks

__all__ = ["quantize_command"]


def quantize_command(
    file: File,
    out: Annotated[
        Path | None,
        Option(
            "--out",
            metavar="OUT.nir",
            help="Write the integer graph here, with its discretization and scales.",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        Option(
            "--preset",
            metavar="NAME",
            help="The chip: loihi, xylo, dynapcnn, spinnaker or int8. --set arithmetic.FIELD=VALUE "
            "changes its arithmetic.",
        ),
    ] = None,
    scale: Annotated[
        list[str] | None,
        Option(
            "--scale",
            metavar="layer|channel|power-of-two|PATH=NUMBER",
            help="What weights are multiplied with; PATH=NUMBER is repeatable. Default: layer.",
        ),
    ] = None,
    input_: InputData = None,
    seed: DataSeed = 0,
    random: Seed = None,
    steps: Steps = None,
    batch: Batch = None,
    rate: Rate = None,
    dt: Dt = None,
    set_: Sets = None,
    override: Overrides = None,
    repair: Repair = False,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> Report:
    """Quantize a float graph: whole weights, thresholds and biases, and what that changes.

    --dt, --set and --override are those of the float graph. With --input (or --random) the states
    get the bits that they need on it, and overflows are counted.
    """
    hold_target(out, "--out", file, file_named(input_))
    texts, fields = integer_fields(set_)
    if preset is None and not fields:
        raise InputError(
            "neither --preset nor --set arithmetic.FIELD=VALUE given; expected a chip to quantize "
            "for, as in --preset int8"
        )
    target = integer_target(preset, fields)
    scales = _scales(scale)
    opened = open_graph(file, dt, None, texts, override, repair=repair, max_memory=max_memory)
    inputs: Any = None
    if input_ is not None or random is not None:
        data = make_inputs(
            opened.schedule, "float64", input_, random, steps, batch, rate, seed, opened.graph
        )
        inputs = whole_inputs_of(opened, data, "numpy", 2, max_memory)
    found = quantize(
        opened.graph, target, scale=scales, inputs=inputs, discretization=opened.discretization
    )
    if out is not None:
        write(out, found.graph)
    payload = {
        "file": str(file),
        "discretization_origin": opened.origin,
        **found.to_dict(),
        "out": None if out is None else str(out),
    }
    lines = [*remarks(found), *([f"graph: {cell(out)}"] if out is not None else [])]
    return Report(0, payload, (quantization_table(found), "\n".join(lines)), json)


def _scales(texts: list[str] | None) -> Any:
    """The `scale=` argument for the values of --scale."""
    given = texts or ["layer"]
    if len(given) == 1 and "=" not in given[0]:
        return given[0]
    found: dict[str, float] = {}
    for text in given:
        path, _, number = text.rpartition("=")
        try:
            found[path] = float(number)
        except ValueError:
            path = ""
        if not path:
            raise InputError(f"--scale {text!r}; expected PATH=NUMBER, as in fc1=16")
    return found
