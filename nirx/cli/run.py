"""`nirx run`: one network on one backend, driven by a file or by random spikes."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import rich.box
from rich.table import Column, Table
from typer import Option

from nirx.basics.tables import cell, shape_text
from nirx.cli.inputs import Batch, DataSeed, InputData, Rate, Seed, Steps, make_inputs
from nirx.cli.integers import overflow_counts, overflow_table
from nirx.cli.memory_limit import MaxMemory, require_memory
from nirx.cli.opening import Opened, open_graph
from nirx.cli.options import (
    Dt,
    Dtype,
    File,
    Json,
    Overrides,
    Preset,
    Record,
    Repair,
    Reproducible,
    Sets,
    record_of,
)
from nirx.cli.pieces import Arrays, piece_length, run_in_pieces
from nirx.cli.progress import bars
from nirx.cli.report import Report
from nirx.cli.silence import silence_of_run, watched_layers
from nirx.cli.state_file import load_state, save_state
from nirx.cli.tally import Tally, add_to
from nirx.errors import InputError, warn_caller
from nirx.execution.assemble import dtype_name, run_dtype
from nirx.execution.backend import find_backend
from nirx.execution.memory import estimate_memory
from nirx.files.growing_file import growing_file
from nirx.files.whole_file import hold_target
from nirx.graphs.recording import resolve_record
from nirx.graphs.schedule import Schedule
from nirx.inputs.choose import file_named

__all__ = ["run_command"]

PASSING = ("Input", "Output", "Flatten", "Delay")
"""Types that pass spikes on unchanged."""


def run_command(
    file: File,
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
    out: Annotated[
        Path | None,
        Option(
            "--out",
            metavar="Y.npz",
            help="Write outputs and recordings here, step by step as they are computed; with the "
            "suffix .h5 as HDF5.",
        ),
    ] = None,
    record: Record = None,
    dtype: Dtype = "float32",
    chunk: Annotated[
        int | None,
        Option(
            "--chunk",
            min=1,
            metavar="STEPS",
            help="Steps to run at a time; changes speed and memory, not results.",
        ),
    ] = None,
    state_in: Annotated[
        Path | None,
        Option("--state-in", metavar="S.npz", help="Start from a state that --state-out wrote."),
    ] = None,
    state_out: Annotated[
        Path | None, Option("--state-out", metavar="S.npz", help="Write the final state here.")
    ] = None,
    reproducible: Reproducible = False,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> Report:
    """Run a network on data or on random spikes; write outputs and recordings.

    The input is read, and the output written, in pieces of time: a run of any length needs the
    memory of one piece.
    """
    _check_files(out, state_out, file, file_named(input_))
    kind = dtype_name(dtype)
    opened = open_graph(file, dt, preset, set_, override, repair=repair, max_memory=max_memory)
    kind = run_dtype(opened.discretization, kind)
    schedule = opened.schedule
    keys = _record_keys(schedule, record)
    chosen = find_backend(backend)
    inputs = make_inputs(schedule, kind, input_, random, steps, batch, rate, seed, opened.graph)
    state = None if state_in is None else load_state(state_in, schedule, kind)
    piece = min(chunk or piece_length(inputs.steps), inputs.steps)
    samples, itemsize = math.prod(inputs.batch), np.dtype(kind).itemsize
    watched = watched_layers(schedule, keys, piece, samples, itemsize)
    estimate = estimate_memory(
        opened.graph,
        schedule,
        backend,
        steps=piece,
        samples=samples,
        itemsize=itemsize,
        record=resolve_record(schedule, [*keys, *watched]),
        reproducible=reproducible,
    )
    require_memory(max_memory, "expected fewer samples, or a smaller --chunk", [estimate])
    outputs: dict[str, Tally] = {}
    recordings: dict[str, Tally] = {}
    start = time.perf_counter()
    with bars(inputs.steps) as add_bar, ExitStack() as stack:
        append = None
        if out is not None:
            append = stack.enter_context(growing_file(out, inputs.steps))

        def take(ys: Arrays, recorded: Arrays) -> None:
            add_to(outputs, ys)
            add_to(recordings, recorded)
            if append is not None:
                append({**recorded, **ys})

        state = run_in_pieces(
            chosen, opened, inputs, add_bar, take,
            dtype=kind, reproducible=reproducible, record=keys, state=state, length=chunk,
            watched=watched,
        )  # fmt: skip
    seconds = time.perf_counter() - start
    silence = silence_of_run(opened, outputs, recordings, keys, watched)
    if said := silence.text(compared=False):
        warn_caller(said)
    if state_out is not None:
        save_state(state_out, state)
    payload = {
        "file": str(file),
        "backend": chosen.name,
        "dtype": "int64" if opened.in_integers else kind,
        "dt": opened.discretization.dt,
        "discretization_origin": opened.origin,
        "steps": inputs.steps,
        "batch": list(inputs.batch),
        "seconds": seconds,
        "outputs": _outputs_of(opened, outputs),
        "recorded": [str(k) for k in keys],
        **silence.to_dict(),
        "overflows": overflow_counts(schedule, state),
        "out": None if out is None else str(out),
    }
    parts = [_summary(payload), _output_table(payload)]
    if payload["overflows"]:
        parts.append(overflow_table(payload["overflows"]))
    return Report(0, payload, tuple(parts), json)


def _check_files(out: Path | None, state_out: Path | None, *sources: Any) -> None:
    hold_target(out, "--out", *sources)
    hold_target(state_out, "--state-out", *sources)


def _record_keys(schedule: Schedule, record: list[str] | None) -> list[Any]:
    probes = resolve_record(schedule, record_of(record)) if record else []
    ends = dict(schedule.outputs)
    for probe in probes:
        if probe.key in ends and (probe.position, probe.variable) != (ends[probe.key], None):
            raise InputError(
                f"--record {probe.key!r}: an Output has the same name, and both would be "
                "written under it; record other keys"
            )
    return [probe.key for probe in probes]


def _outputs_of(opened: Opened, outputs: dict[str, Tally]) -> dict[str, Any]:
    ends = {}
    for name, position in opened.schedule.outputs:
        own = outputs[name]
        spiking = _carries_spikes(opened.schedule, position)
        ends[name] = {
            "shape": own.shape,
            "spikes": _count(own.total) if spiking else None,
            "min": own.least,
            "max": own.most,
        }
    return ends


def _count(total: float) -> int | float:
    """A number of spikes; as it is where the counts of a step are infinite."""
    return int(total) if math.isfinite(total) else total


def _carries_spikes(schedule: Schedule, position: int) -> bool:
    """Whether every value at a position is a sum of spikes of neurons."""
    seen, work = {position}, [position]
    while work:
        node = schedule.nodes[work.pop()]
        if node.spiking:
            continue
        if node.type_name not in PASSING or not node.sources:
            return False
        new = {source.position for source in node.sources} - seen
        seen |= new
        work += new
    return True


def _summary(payload: dict[str, Any]) -> Table:
    table = _table("backend", "dtype", "dt", "steps", "batch", "seconds", left=2)
    table.add_row(
        payload["backend"],
        payload["dtype"],
        f"{payload['dt']:g}",
        f"{payload['steps']:,}",
        shape_text(tuple(payload["batch"])) if payload["batch"] else "none",
        f"{payload['seconds']:.2f}",
    )
    return table


def _output_table(payload: dict[str, Any]) -> Table:
    table = _table("Output", "shape", "spikes", "smallest", "largest", left=1)
    for name, end in payload["outputs"].items():
        numbers = ("-" if end[k] is None else f"{end[k]:.6g}" for k in ("min", "max"))
        spikes = "-" if end["spikes"] is None else f"{end['spikes']:,}"
        table.add_row(cell(name), shape_text(tuple(end["shape"])), spikes, *numbers)
    return table


def _table(*headings: str, left: int) -> Table:
    """An empty table; the first `left` columns are left-aligned, numbers follow."""
    columns = [*headings[:left], *(Column(h, justify="right") for h in headings[left:])]
    return Table(*columns, box=rich.box.SIMPLE_HEAD, pad_edge=False)
