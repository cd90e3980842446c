"""`nirx diagnose`: which discretization produced a recording."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from nirx.basics.tables import cell
from nirx.cli.event_options import (
    AddressFile,
    Columns,
    Height,
    Merge,
    Node,
    Offset,
    Polarity,
    ReportAbove,
    Rounding,
    TimeUnit,
    Width,
    event_format,
)
from nirx.cli.inputs import Batch, DataSeed, InputData, Rate, Seed, Steps, make_inputs
from nirx.cli.memory_limit import MaxMemory, require_memory
from nirx.cli.options import (
    Dtype,
    FromLibrary,
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
from nirx.diagnosis.diagnose import diagnose
from nirx.diagnosis.words import diagnosis_table
from nirx.execution.assemble import dtype_name, run_dtype
from nirx.execution.memory import estimate_memory
from nirx.inputs.protocol import whole

__all__ = ["diagnose_command"]


def diagnose_command(
    file: Subject,
    recording: Annotated[
        Path,
        typer.Argument(
            metavar="OBSERVED",
            help="The recording: .npz, .h5 or .csv with the names that `nirx run --record` uses; "
            "NIRData, such as a reference file; or events: .csv, .aedat4, HDF5.",
        ),
    ],
    input_: InputData = None,
    seed: DataSeed = 0,
    random: Seed = None,
    steps: Steps = None,
    batch: Batch = None,
    rate: Rate = None,
    dt: Annotated[
        list[float] | None,
        typer.Option("--dt", help="Time step; repeat the option to try several."),
    ] = None,
    preset: Preset = None,
    set_: Sets = None,
    override: Overrides = None,
    repair: Repair = False,
    arithmetic: Annotated[
        str | None,
        typer.Option(
            "--arithmetic",
            metavar="search",
            help="Search the integers of a chip, too: bits, overflow, rounding, shifts. Without "
            "it, only where whole numbers were recorded that nothing else explains.",
        ),
    ] = None,
    max_shift: Annotated[
        int,
        typer.Option("--max-shift", min=0, help="Steps by which a recording may be late or early."),
    ] = 2,
    top: Annotated[
        int, typer.Option("--top", min=1, max=10, help="Candidates to show per node.")
    ] = 5,
    dtype: Dtype = "float64",
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            help="For v and i, relative to a recording's largest magnitude; spikes have to be "
            "equal. Default: 1e-6; 1e-4 if recording or run is float32; at least 3/4 of a unit "
            "for whole numbers.",
        ),
    ] = None,
    columns: Columns = None,
    time_unit: TimeUnit = None,
    offset: Offset = None,
    rounding: Rounding = None,
    address_map: AddressFile = None,
    node: Node = None,
    merge: Merge = None,
    polarity: Polarity = None,
    height: Height = None,
    width: Width = None,
    report_above: ReportAbove = None,
    source: FromLibrary = None,
    input_shape: InputShape = None,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> Report:
    """Find the discretization under which nirx reproduces a recording.

    Exit status: 0 if every recording is explained, 1 if not, 2 for bad input.
    """
    events = event_format(
        columns=columns,
        time_unit=time_unit,
        offset=offset,
        rounding=rounding,
        address_map=address_map,
        node=node,
        merge=merge,
        polarity=polarity,
        height=height,
        width=width,
        report_above=report_above,
    )
    kind = dtype_name(dtype)
    _, opened = open_subject(
        file,
        source,
        input_shape,
        dt[0] if dt else None,
        preset,
        set_,
        override,
        repair=repair,
        max_memory=max_memory,
    )
    inputs = make_inputs(
        opened.schedule, kind, input_, random, steps, batch, rate, seed, opened.graph
    )
    kind = run_dtype(opened.discretization, kind)
    samples, itemsize = math.prod(inputs.batch), np.dtype(kind).itemsize
    estimate = estimate_memory(
        opened.graph,
        opened.schedule,
        "numpy",
        steps=inputs.steps,
        samples=samples,
        itemsize=itemsize,
    )
    require_memory(max_memory, "expected fewer steps or samples", [estimate])
    asked = bool(preset or set_ or override) or "metadata" in opened.origin
    found = diagnose(
        opened.graph,
        whole(inputs),
        recording,
        events=events,
        discretization=opened.discretization if asked else None,
        dt=dt or opened.discretization.dt,
        arithmetic=arithmetic,
        max_shift=max_shift,
        dtype=kind,
        tolerance=tolerance,
    )
    payload = {
        "file": str(file),
        "observed": str(recording),
        "dtype": kind,
        "discretization_origin": opened.origin,
        "steps": inputs.steps,
        "batch": list(inputs.batch),
        **found.to_dict(top),
    }
    parts = (
        *diagnosis_table(found, top),
        f"discretization: {cell(found.discretization.to_json())}",
    )
    return Report(0 if found.explained else 1, payload, parts, json)
