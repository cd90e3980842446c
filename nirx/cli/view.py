"""`nirx view`: a run, or what was recorded of one, as one HTML page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from typer import Argument, Option

from nirx.basics.tables import cell
from nirx.cli.inputs import Batch, DataSeed, InputData, Rate, Seed, Steps, make_inputs
from nirx.cli.memory_limit import MaxMemory, numbers_of, read_limits, require_memory
from nirx.cli.opening import Opened
from nirx.cli.options import (
    Dt,
    Dtype,
    FromLibrary,
    InputShape,
    Json,
    Overrides,
    Preset,
    Record,
    Repair,
    Reproducible,
    Sets,
    Subject,
    record_of,
)
from nirx.cli.pieces import Gathered, piece_length, run_in_pieces
from nirx.cli.progress import bars
from nirx.cli.report import Report
from nirx.cli.subject import open_subject
from nirx.comparison.silence import active, find_silence
from nirx.errors import InputError, warn_caller
from nirx.execution.assemble import dtype_name, run_dtype
from nirx.execution.backend import find_backend
from nirx.execution.memory import Estimate, estimate_memory
from nirx.files.whole_file import hold_target, write_whole
from nirx.graphs.origin import node_at
from nirx.graphs.recording import resolve_record
from nirx.inputs.choose import file_named
from nirx.inputs.protocol import Source
from nirx.recordings.load_file import HDF5, load_run
from nirx.recordings.open_reference import check_reference
from nirx.verification.verify import open_reference
from nirx.viewing.page import check_page, page
from nirx.viewing.run import run_comparison, run_table
from nirx.viewing.view import run_scene

__all__ = ["view_command"]


def view_command(
    file: Subject,
    out: Annotated[Path, Option("--out", metavar="PAGE.html", help="The page to write.")],
    recorded: Annotated[
        Path | None,
        Argument(
            metavar="RECORDED",
            help="Instead of a run: what `nirx run --out --record` wrote (.npz, .h5).",
        ),
    ] = None,
    backend: Annotated[str, Option("--backend", help="numpy, torch or jax.")] = "numpy",
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
    dtype: Dtype = "float32",
    reproducible: Reproducible = False,
    source: FromLibrary = None,
    input_shape: InputShape = None,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> Report:
    """Show a run of a network on one page: the graph, its recordings with zoom, a table of nodes.

    The page stands alone and loads nothing. `nirx compare`, `verify` and `move` write the same page
    with --html. All nodes are recorded, unless --record chooses some.
    """
    hold_target(out, "--out", file, recorded, file_named(input_))
    check_page()
    kind = dtype_name(dtype)
    drawn = {"--input": input_, "--random": random, "--steps": steps, "--batch": batch}
    if Path(file).suffix.lower() in HDF5:
        own = {"--dt": dt, "--preset": preset, "--set": set_, "--override": override}
        _refuse("a reference holds its run", {"RECORDED": recorded, **drawn, **own})
        name, opened, found = _of_reference(file, max_memory)
    else:
        choices = (dt, preset, set_, override)
        _, opened = open_subject(
            file, source, input_shape, *choices, repair=repair, max_memory=max_memory
        )
        if recorded is None:
            inputs = make_inputs(
                opened.schedule, run_dtype(opened.discretization, kind), input_, random, steps,
                batch, rate, seed, opened.graph,
            )  # fmt: skip
            name = find_backend(backend).name
            found = _run(opened, inputs, name, kind, record, reproducible, max_memory)
        else:
            _refuse("RECORDED holds a run", drawn)
            name, found = str(recorded), load_run(recorded, opened.schedule)
    if record and found:
        keys = [probe.key for probe in resolve_record(opened.schedule, record_of(record))]
        found = {key: found[key] for key in keys if key in found}
    run = run_comparison(name, found, opened.schedule)
    seen = active(run.recordings[name], resolve_record(opened.schedule, list(found)))
    silence = find_silence(opened.graph, opened.schedule, seen)
    if said := silence.text(compared=False):
        warn_caller(said)
    title = f"{file}: {name}"
    write_whole(out, page(run_scene(title, run, opened.schedule, opened.nodes)))
    payload = {
        "file": str(file),
        "run": name,
        "dt": opened.discretization.dt,
        "discretization_origin": opened.origin,
        "steps": len(next(iter(run.recordings[name].values()))),
        "recorded": list(run.recordings[name]),
        "rates": run.rates[name],
        **silence.to_dict(),
        "out": str(out),
    }
    return Report(0, payload, (run_table(run), f"page: {cell(out)}"), json)


def _refuse(why: str, options: Mapping[str, Any]) -> None:
    """**Raises** `InputError` for an option that was given though it has nothing to say."""
    given = [name for name, value in options.items() if value not in (None, [])]
    if given:
        raise InputError(f"{given[0]}: {why}, so that it goes without this")


def _of_reference(file: str, max_memory: str | None) -> tuple[str, Opened, Mapping[Any, Any]]:
    """The run that a file of `nirx reference` holds."""
    with open_reference(file, read_limits(max_memory)) as reference:
        numbers = sum(max(1, own.neurons) for own in reference.observables)
        kept = numbers * reference.steps * reference.samples * np.dtype(reference.dtype).itemsize
        require_memory(max_memory, "expected a shorter reference", [Estimate(0, 0, kept)])
        with bars(reference.steps) as add_bar:
            run = check_reference(reference, add_bar("digests"))
        found = {
            run.record_key(own): reference.read(own, 0, reference.steps)
            for own in reference.observables
        }
        graph = reference.graph
    nodes = [node_at(graph, place.path) for place in run.schedule.nodes]
    opened = Opened(graph, run.schedule.discretization, "reference", run.schedule, nodes)
    return "reference", opened, found


def _run(
    opened: Opened,
    inputs: Source,
    backend: str,
    dtype: str,
    record: list[str] | None,
    reproducible: bool,
    max_memory: str | None,
) -> Mapping[Any, Any]:
    """The recordings of a new run."""
    dtype = run_dtype(opened.discretization, dtype)
    chosen, schedule = find_backend(backend), opened.schedule
    probes = resolve_record(schedule, record_of(record) or "all")
    samples, itemsize = math.prod(inputs.batch), np.dtype(dtype).itemsize
    estimate = estimate_memory(
        opened.graph,
        schedule,
        chosen.name,
        steps=min(piece_length(inputs.steps), inputs.steps),
        samples=samples,
        itemsize=itemsize,
        record=probes,
        kept=numbers_of(schedule, probes) * inputs.steps * samples * itemsize,
        reproducible=reproducible,
    )
    require_memory(max_memory, "expected fewer steps, samples or --record keys", [estimate])
    found = Gathered(inputs.steps)
    keys = [probe.key for probe in probes]
    with bars(inputs.steps) as add_bar:
        run_in_pieces(
            chosen, opened, inputs, add_bar, found.take,
            dtype=dtype, reproducible=reproducible, record=keys,
        )  # fmt: skip
    return {key: found.recordings[str(key)] for key in keys}
