"""`nirx compare`: one network on several backends; where and how far they part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from nirx.basics.tables import cell
from nirx.cli.compare_table import comparison_payload, node_tables
from nirx.cli.inputs import Batch, InputFile, Inputs, Rate, Seed, Steps, make_inputs
from nirx.cli.options import Dt, File, Json, Opened, Overrides, Preset, Sets, open_graph
from nirx.cli.pieces import piece_length, run_in_pieces
from nirx.cli.progress import Bars, bars
from nirx.cli.report import Report
from nirx.cli.run import Dtype, Record, Reproducible, record_of
from nirx.comparison import plotting
from nirx.comparison.compare import compare
from nirx.errors import InputError
from nirx.execution.assemble import dtype_name
from nirx.execution.backend import Backend, find_backend
from nirx.files.archive import check_target, write_whole
from nirx.graphs.recording import resolve_record

__all__ = ["compare_command"]

DIFFER = 1


def compare_command(
    file: File,
    backends: Annotated[
        str, typer.Option("--backends", metavar="A,B,...", help="The first is the reference.")
    ] = "numpy,torch,jax",
    input_: InputFile = None,
    random: Seed = None,
    steps: Steps = None,
    batch: Batch = None,
    rate: Rate = None,
    dt: Dt = None,
    preset: Preset = None,
    set_: Sets = None,
    override: Overrides = None,
    record: Record = None,
    dtype: Dtype = "float32",
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            help="For values, relative to a node's largest; spikes have to be equal. "
            "Default 1e-4 in float32, 1e-9 in float64, 0 with --reproducible.",
        ),
    ] = None,
    reproducible: Reproducible = False,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="OUT.png", help="Draw spikes and membrane potentials."),
    ] = None,
    json: Json = False,
) -> Report:
    """Run a network on several backends and say where they part first, and how far.

    Exit status 0 if they agree, 1 if they differ, 2 for bad input.
    """
    if tolerance is not None and not 0 <= tolerance < np.inf:
        raise InputError(f"--tolerance {tolerance}; expected a number, 0 or more")
    chosen = _backends(backends)
    if plot is not None:
        check_target(plot, "--plot", file, input_)
        plotting.check_format(plot.suffix)
    kind = dtype_name(dtype)
    opened = open_graph(file, dt, preset, set_, override)
    keys = [p.key for p in resolve_record(opened.schedule, record_of(record) or "all")]
    inputs = make_inputs(opened.schedule, kind, input_, random, steps, batch, rate)
    if any(x.size == 0 for x in inputs.arrays.values()):
        raise InputError("nothing to compare: the input has no steps or an empty batch")
    options = {"reproducible": True} if reproducible else {}
    with bars(inputs.steps) as shown:
        comparison = compare(
            opened.graph,
            inputs.arrays,
            [_runner(b, opened, kind, options, inputs, keys, shown) for b in chosen],
            reproducible=reproducible,
            discretization=opened.discretization,
            dtype=kind,
            record=keys,
            tolerance=tolerance,
        )
    if plot is not None:
        picture = plotting.draw(comparison, opened.schedule, plot.suffix)
        write_whole(plot, lambda stream: stream.write(picture))
    payload = {
        "file": str(file),
        "dtype": kind,
        "discretization_origin": opened.origin,
        "steps": inputs.steps,
        "batch": list(inputs.batch),
        **comparison_payload(comparison),
        "plot": None if plot is None else str(plot),
    }
    parts = ["\n".join(str(cell(line)) for line in str(comparison).split("\n"))]
    parts += node_tables(comparison)
    if plot is not None:
        parts.append(f"plot: {cell(plot)}")
    return Report(0 if comparison.agree else DIFFER, payload, tuple(parts), json)


def _backends(text: str) -> list[Backend]:
    # All of them before any work: a typing error in the last should not cost a run of the first.
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(names) < 2:
        raise InputError(f"--backends {text!r}; expected at least two, parted by commas")
    return [find_backend(name) for name in names]


def _runner(
    backend: Backend,
    opened: Opened,
    dtype: str,
    options: dict[str, Any],
    inputs: Inputs,
    keys: list[Any],
    shown: Bars,
) -> Any:
    """A backend as a callable for `nirx.compare`, so that its run can show progress."""
    names = [name for name, _ in opened.schedule.outputs]

    def run(_: Any) -> tuple[Any, Any, Any]:
        advance = shown.add(backend.name)
        prepared = backend.prepare(opened.graph, opened.discretization, dtype, **options)
        length = piece_length(inputs.steps)
        return run_in_pieces(prepared, inputs, names, None, keys, length, advance)

    run.__name__ = backend.name
    return run
