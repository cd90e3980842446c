"""`nirx compare`: one network on several backends; where and how far they diverge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from typer import Option

from nirx.basics.tables import cell
from nirx.cli.compare_many import compare_many, graphs_of
from nirx.cli.inputs import Batch, DataSeed, InputData, Rate, Seed, Steps, make_inputs
from nirx.cli.integers import integer_target, whole_inputs_of
from nirx.cli.memory_limit import MaxMemory, numbers_of, require_memory
from nirx.cli.opening import Opened, integer_fields
from nirx.cli.options import (
    Dt,
    Engine,
    FromLibrary,
    Html,
    InputShape,
    Json,
    Overrides,
    Preset,
    Record,
    Repair,
    Reproducible,
    Sets,
    Subject,
    backend_names,
    record_of,
)
from nirx.cli.pieces import Gathered, piece_length, run_in_pieces
from nirx.cli.progress import bars
from nirx.cli.report import Report
from nirx.cli.subject import open_subject
from nirx.comparison.compare import compare
from nirx.comparison.runs import dtypes_of
from nirx.comparison.table import node_tables
from nirx.drawing import figure
from nirx.errors import InputError
from nirx.execution.assemble import run_dtype
from nirx.execution.backend import Backend, find_backend
from nirx.execution.memory import estimate_memory
from nirx.files.whole_file import hold_target, write_whole
from nirx.graphs.recording import Probe, resolve_record
from nirx.inputs.choose import file_named
from nirx.inputs.protocol import whole
from nirx.viewing.page import check_page, page
from nirx.viewing.view import comparison_scene

__all__ = ["compare_command"]

DIFFER = 1
MOST_RUNS = 6
"""Of a comparison with integers: float, integers, and one for each cause or its base."""


def compare_command(
    file: Subject,
    backends: Annotated[
        str,
        Option(
            "--backends", metavar="A,B,...", help="Backends to compare; the first is the reference."
        ),
    ] = "numpy,torch,jax",
    input_: InputData = None,
    seed: DataSeed = 0,
    random: Seed = None,
    steps: Steps = None,
    batch: Batch = None,
    rate: Rate = None,
    dt: Dt = None,
    preset: Preset = None,
    set_: Sets = None,
    override: Overrides = None,
    repair: Repair = False,
    record: Record = None,
    dtype: Annotated[
        str,
        Option(
            "--dtype",
            metavar="A[,B,...]",
            help="float32, float64, bfloat16 or float16: one for all, or one for each backend.",
        ),
    ] = "float32",
    tolerance: Annotated[
        float | None,
        Option(
            "--tolerance",
            help="For values, relative to a node's largest magnitude; spikes must be equal. "
            "Default 1e-4 in float32, 1e-9 in float64, 5e-2 in bfloat16, 1e-2 in float16 (of "
            "several the largest), 0 with --reproducible.",
        ),
    ] = None,
    reproducible: Reproducible = False,
    arithmetic: Annotated[
        str | None,
        Option(
            "--arithmetic",
            metavar="PRESET",
            help="Compare the network with itself in the integers of a chip (loihi, xylo, "
            "dynapcnn, spinnaker, int8), on the first backend; --set arithmetic.FIELD=VALUE "
            "changes them.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        Option("--plot", metavar="OUT.png", help="Draw spikes and membrane potentials."),
    ] = None,
    html: Html = None,
    source: FromLibrary = None,
    input_shape: InputShape = None,
    max_memory: MaxMemory = None,
    engine: Engine = None,
    json: Json = False,
) -> Report:
    """Run a network on several backends; report where they first diverge, and how far.

    MODEL can also be a folder of .nir files, or a quoted pattern such as 'models/**/*.nir': then
    every graph is compared, with one row each.

    Exit status 0 if they agree, 1 if they differ, 2 for bad input; of several graphs the largest.
    """
    options = {**locals(), "engine": None}  # of one graph of several; nothing else is here yet
    del options["file"]
    graphs = graphs_of(file)
    if graphs is None and engine is not None:
        raise InputError(f"--engine {engine} divides a folder of graphs; {file!r} is one model")
    if graphs is not None and (plot is not None or html is not None):
        raise InputError(f"{file} is several graphs; --plot and --html go with one of them")
    if tolerance is not None and not 0 <= tolerance < np.inf:
        raise InputError(f"--tolerance {tolerance}; expected a number, 0 or more")
    integers = {}
    if arithmetic is not None:
        set_, integers = integer_fields(set_)
    chosen = [
        find_backend(name) for name in backend_names(backends, 2 if arithmetic is None else 1)
    ]
    if plot is not None:
        hold_target(plot, "--plot", file, file_named(input_))
        figure.check_format(plot.suffix)
    if html is not None:
        hold_target(html, "--html", file, file_named(input_))
        check_page()
    given = [name.strip() for name in dtype.split(",")]
    kinds = dtypes_of(given if len(given) > 1 else dtype, len(chosen))
    if graphs is not None:
        return compare_many(file, graphs, partial(compare_command, **options), engine, json)
    widest = "float64" if "float64" in kinds else "float32"  # that NumPy has
    choices = (dt, preset, set_, override)
    _, opened = open_subject(
        file, source, input_shape, *choices, repair=repair, max_memory=max_memory
    )
    if arithmetic is not None:
        if plot is not None or html is not None or record or reproducible or tolerance is not None:
            raise InputError(
                "--arithmetic goes without --plot, --html, --record, --reproducible and "
                "--tolerance: integers are exact, and the layers that spike are compared"
            )
        data = make_inputs(
            opened.schedule, "float64", input_, random, steps, batch, rate, seed, opened.graph
        )
        target = integer_target(arithmetic, integers)
        name = chosen[0].name
        xs = whole_inputs_of(opened, data, name, MOST_RUNS, max_memory)
        return _in_integers(file, opened, xs, target, name, json)
    widest = run_dtype(opened.discretization, widest)
    if opened.in_integers:
        kinds = dtypes_of(widest, len(chosen))
    keys = [p.key for p in resolve_record(opened.schedule, record_of(record) or "all")]
    inputs = make_inputs(
        opened.schedule, widest, input_, random, steps, batch, rate, seed, opened.graph
    )
    samples, itemsize = math.prod(inputs.batch), np.dtype(widest).itemsize
    probes = resolve_record(opened.schedule, keys)
    ends = [Probe(name, p, None) for name, p in opened.schedule.outputs]
    starts = [Probe(name, p, None) for name, p in opened.schedule.inputs]
    whole_run = numbers_of(opened.schedule, [*starts, *(*ends, *probes) * len(chosen)])
    estimates = [
        estimate_memory(
            opened.graph,
            opened.schedule,
            backend.name,
            steps=min(piece_length(inputs.steps), inputs.steps),
            samples=samples,
            itemsize=itemsize,
            record=probes,
            kept=whole_run * inputs.steps * samples * itemsize,
            reproducible=reproducible,
        )
        for backend in chosen
    ]
    require_memory(max_memory, "expected fewer steps, samples or --record keys", estimates)
    arrays = whole(inputs)
    if any(x.size == 0 for x in arrays.values()):
        raise InputError("nothing to compare: the input has no steps or an empty batch")

    def runner(backend: Backend, kind: str) -> Any:
        """The backend as a callable for `nirx.compare`, which shows its progress."""

        def run(_: Any) -> tuple[Any, Any, Any]:
            found = Gathered(inputs.steps)
            state = run_in_pieces(
                backend, opened, inputs, add_bar, found.take,
                dtype=kind, reproducible=reproducible, record=keys,
            )  # fmt: skip
            return found.outputs, state, found.recordings

        run.__name__ = backend.name if len(given) == 1 else f"{backend.name} {kind}"
        return run

    with bars(inputs.steps) as add_bar:
        comparison = compare(
            opened.graph,
            arrays,
            list(map(runner, chosen, kinds)),
            reproducible=reproducible,
            discretization=opened.discretization,
            dtype=kinds,
            record=keys,
            tolerance=tolerance,
        )
    if plot is not None:
        picture = figure.draw(comparison, opened.schedule, plot.suffix)
        write_whole(plot, picture)
    if html is not None:
        title = f"{file}: {backends}"
        scene = comparison_scene(title, comparison, opened.schedule, opened.nodes, arrays)
        write_whole(html, page(scene))
    payload = {
        "file": str(file),
        "dtype": _shown(kinds, len(given), opened.in_integers),
        "discretization_origin": opened.origin,
        "steps": inputs.steps,
        "batch": list(inputs.batch),
        **comparison.to_dict(),
        "plot": None if plot is None else str(plot),
        "html": None if html is None else str(html),
    }
    parts: list[Any] = [str(comparison)]
    for table in node_tables(comparison):
        parts += ["", table]
    if plot is not None:
        parts.append(f"plot: {cell(plot)}")
    if html is not None:
        parts.append(f"page: {cell(html)}")
    return Report(0 if comparison.agree else DIFFER, payload, tuple(parts), json)


def _in_integers(
    file: str, opened: Opened, xs: Any, target: Any, backend: str, json: bool
) -> Report:
    """The comparison with integers."""
    found = compare(
        opened.graph, xs, backend, discretization=opened.discretization, arithmetic=target
    )
    payload = {
        "file": str(file),
        "backend": backend,
        "discretization_origin": opened.origin,
        **found.to_dict(),
    }
    return Report(0 if found.agree else DIFFER, payload, (str(found),), json)


def _shown(kinds: Sequence[str], given: int, in_integers: bool) -> Any:
    """The dtypes of a comparison: one for all backends, or one each."""
    if in_integers:
        return "int64"
    return kinds[0] if given == 1 else list(kinds)
