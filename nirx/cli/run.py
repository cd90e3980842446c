"""`nirx run`: one network on one backend, driven by a file or by random spikes."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import rich.box
from rich.table import Column, Table
from typer import Option

from nirx.basics.tables import cell, shape_text
from nirx.cli.inputs import Batch, InputFile, Rate, Seed, Steps, make_inputs
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
from nirx.cli.pieces import run_in_pieces
from nirx.cli.progress import bars
from nirx.cli.report import Report
from nirx.cli.silence import silence_of_run, watched_layers
from nirx.cli.state_file import load_state, save_state
from nirx.errors import InputError, warn_caller
from nirx.execution.assemble import dtype_name
from nirx.execution.backend import find_backend
from nirx.files.archive import save_arrays
from nirx.files.whole_file import hold_target
from nirx.graphs.recording import resolve_record
from nirx.graphs.schedule import Schedule

__all__ = ["run_command"]

PASSING = ("Input", "Output", "Flatten", "Delay")
"""Types that pass spikes on unchanged."""


def run_command(
    file: File,
    backend: Annotated[str, Option("--backend", help="numpy, torch or jax.")] = "numpy",
    input_: InputFile = None,
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
        Path | None, Option("--out", metavar="Y.npz", help="Write outputs and recordings here.")
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
    json: Json = False,
) -> Report:
    """Run a network on a file of inputs or on random spikes; write outputs and recordings."""
    _check_files(out, state_out, file, input_)
    kind = dtype_name(dtype)
    opened = open_graph(file, dt, preset, set_, override, repair=repair)
    schedule = opened.schedule
    keys = _record_keys(schedule, record)
    chosen = find_backend(backend)
    inputs = make_inputs(schedule, kind, input_, random, steps, batch, rate)
    state = None if state_in is None else load_state(state_in, schedule, kind)
    watched = watched_layers(schedule, keys, inputs, np.dtype(kind), chunk)
    start = time.perf_counter()
    with bars(inputs.steps) as add_bar:
        outputs, state, recordings = run_in_pieces(
            chosen, opened, inputs, add_bar,
            dtype=kind, reproducible=reproducible, record=keys, state=state, length=chunk,
            watched=watched,
        )  # fmt: skip
    seconds = time.perf_counter() - start
    silence = silence_of_run(opened, outputs, recordings, keys, watched)
    if said := silence.text(compared=False):
        warn_caller(said)
    if out is not None:
        save_arrays(out, {**recordings, **outputs})
    if state_out is not None:
        save_state(state_out, state)
    payload = {
        "file": str(file),
        "backend": chosen.name,
        "dtype": kind,
        "dt": opened.discretization.dt,
        "discretization_origin": opened.origin,
        "steps": inputs.steps,
        "batch": list(inputs.batch),
        "seconds": seconds,
        "outputs": _outputs_of(opened, outputs),
        "recorded": [str(k) for k in keys],
        **silence.to_dict(),
        "out": None if out is None else str(out),
    }
    return Report(0, payload, (_summary(payload), _output_table(payload)), json)


def _check_files(out: Path | None, state_out: Path | None, *sources: Path | None) -> None:
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


def _outputs_of(opened: Opened, outputs: dict[str, np.ndarray]) -> dict[str, Any]:
    ends = {}
    for name, position in opened.schedule.outputs:
        array = outputs[name]
        spiking = _carries_spikes(opened.schedule, position)
        ends[name] = {
            "shape": list(array.shape),
            "spikes": _count(array) if spiking else None,
            "min": float(array.min()) if array.size else None,
            "max": float(array.max()) if array.size else None,
        }
    return ends


def _count(array: np.ndarray) -> int | float:
    """The number of spikes; as it is where counts of one step are infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(array.sum(dtype=np.float64))
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
