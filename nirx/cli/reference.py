"""`nirx reference`: write the correct outputs and states, step by step, to a file."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from rich.table import Table
from typer import Option

from nirx.basics.name_list import name_list
from nirx.basics.tables import cell
from nirx.cli.memory_limit import MaxMemory, require_memory
from nirx.cli.options import (
    Dt,
    Dtype,
    Engine,
    FromLibrary,
    InputShape,
    Json,
    Overrides,
    Preset,
    Record,
    Repair,
    Sets,
    Subject,
    record_of,
)
from nirx.cli.progress import bars
from nirx.cli.report import Report, bytes_text
from nirx.cli.subject import open_subject
from nirx.dynamics.discretization import Discretization
from nirx.execution.assemble import dtype_name, run_dtype
from nirx.execution.memory import estimate_memory
from nirx.graphs.recording import resolve_record
from nirx.inputs.choose import source_for
from nirx.references.generate import chunk_steps, cuts_of
from nirx.references.layout import observables
from nirx.references.reference import check_reference_target, reference
from nirx.references.shards import plan_shards
from nirx.scaling.choose import require_engine

__all__ = ["reference_command"]


def reference_command(
    file: Subject,
    data: Annotated[
        str,
        Option(
            "--input",
            metavar="DATA",
            help="A file (npz, npy, csv, NIRData, HDF5 events) or a generator: poisson:rate=0.2, "
            "regular:period=7, ramp, pulses, corners, tonic:NMNIST.",
        ),
    ],
    out: Annotated[Path, Option("--out", metavar="REF.h5", help="The file to write.")],
    record: Record = None,
    backend: Annotated[
        str, Option("--backend", help="What computes the numbers, which are the same on all.")
    ] = "numpy",
    dtype: Dtype = "float32",
    spikes: Annotated[
        str, Option("--spikes", metavar="dense|events", help="How spikes are stored.")
    ] = "dense",
    compression: Annotated[
        str, Option("--compression", metavar="gzip|lzf|none", help="How data is compressed.")
    ] = "gzip",
    steps: Annotated[
        int | None, Option("--steps", min=1, help="Length; 1000 by default for a generator.")
    ] = None,
    batch: Annotated[
        int | None, Option("--batch", min=1, help="Samples; 1 by default for a generator.")
    ] = None,
    seed: Annotated[int, Option("--seed", min=0, help="Seed of a generator.")] = 0,
    licence: Annotated[str, Option("--licence", metavar="TEXT", help="For the header.")] = "",
    notes: Annotated[str, Option("--notes", metavar="TEXT", help="For the header.")] = "",
    engine: Engine = None,
    shards: Annotated[
        int | None,
        Option(
            "--shards",
            metavar="N",
            min=1,
            help="Compute the samples in N groups. Default: 64 with --engine, else together.",
        ),
    ] = None,
    dt: Dt = None,
    preset: Preset = None,
    set_: Sets = None,
    override: Overrides = None,
    repair: Repair = False,
    source: FromLibrary = None,
    input_shape: InputShape = None,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> Report:
    """Run in reproducible mode and write inputs, outputs and states with their hashes.

    Anyone can reproduce the file: the digest does not depend on the machine or the backend. A run
    that was killed continues where it stopped. With `--engine ray` many machines compute one file,
    see docs/scale.md. `--record all` (the default), `outputs`, or keys
    such as lif1 and lif1.v.
    """
    require_engine(engine)
    check_reference_target(out, "--out", file, data)
    kind = dtype_name(dtype)
    subject, opened = open_subject(
        file, source, input_shape, dt, preset, set_, override, repair=repair, max_memory=max_memory
    )
    stream = source_for(
        opened.schedule, data, kind, steps=steps, batch=batch, seed=seed, graph=opened.graph
    )
    keys = "outputs" if record == ["outputs"] else record_of(record) or "all"
    found = observables(opened.schedule, keys, spikes)
    kind = run_dtype(opened.discretization, kind)
    samples, itemsize = math.prod(stream.batch), np.dtype(kind).itemsize
    recorded = sum(o.neurons for o in found)
    chunk = chunk_steps(recorded * samples * itemsize)
    cut = plan_shards(samples, cuts_of(stream.steps, chunk), shards, engine)
    together, own = (min(stream.steps, chunk), samples) if cut is None else cut.largest
    estimate = estimate_memory(
        opened.graph,
        opened.schedule,
        backend,
        steps=together,
        samples=own,
        itemsize=itemsize,
        record=resolve_record(opened.schedule, [o.probe for o in found]),
        reproducible=True,
    )
    require_memory(max_memory, "expected fewer samples (--batch)", [estimate])
    start = time.perf_counter()
    with bars(stream.steps) as add_bar:
        written = reference(
            # A repaired graph is not the one of the file.
            subject if subject.bridge is not None else opened.graph if repair else file,
            stream,
            out,
            discretization=opened.discretization,
            record=keys,
            dtype=kind,
            backend=backend,
            spikes=spikes,
            compression=compression,
            licence=licence,
            notes=notes,
            engine=engine,
            shards=shards,
            advance=add_bar(backend),
        )
    seconds = time.perf_counter() - start
    size = out.stat().st_size
    payload = {
        "file": str(file),
        "out": str(out),
        "digest": written.digest,
        "steps": written.steps,
        "batch": list(stream.batch),
        "recordings": list(written.keys),
        "resumed_steps": written.resumed,
        "silent_neurons": dict(written.silent),
        "discretization": opened.discretization.to_json(),
        "discretization_origin": opened.origin,
        "recorded_bytes": written.recorded_bytes,
        "file_bytes": size,
        "seconds": seconds,
    }
    resumed = f", {written.resumed:,} of them from an interrupted run" if written.resumed else ""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in (
        ("reference", out),
        ("digest", written.digest),
        ("steps", f"{written.steps:,}{resumed}"),
        ("recordings", len(written.keys)),
        ("recorded", f"{bytes_text(written.recorded_bytes)}, {bytes_text(size)} in the file"),
        ("speed", f"{bytes_text(int(written.recorded_bytes / max(seconds, 1e-9)))}/s"),
        *([("numbers", "integers, int64")] if opened.in_integers else []),
        ("step", f"{_step(opened.discretization)} ({opened.origin})"),
    ):
        table.add_row(name, cell(value))
    parts: list[Any] = [table]
    if written.silent:
        silent = name_list(cell(f"{count} of {key}") for key, count in written.silent.items())
        parts.append(f"these never spiked and cannot be verified: {silent}")
    return Report(0, payload, tuple(parts), json)


def _step(d: Discretization) -> str:
    changed = [f"{name}={value}" for name, value in d.changes().items()]
    more = [f"{len(d.overrides)} overrides"] if d.overrides else []
    return ", ".join([f"dt={d.dt:g}", *(changed or ["NIR's forward Euler"]), *more])
