"""`nirx diagnose`: which discretization made a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nirx.basics.tables import cell
from nirx.cli.inputs import Batch, Inputs, Rate, Seed, Steps, make_inputs
from nirx.cli.opening import Opened, open_graph
from nirx.cli.options import Dtype, File, Json, Overrides, Preset, Sets
from nirx.cli.report import Report
from nirx.comparison.divergence import Divergence
from nirx.diagnosis.diagnose import diagnose
from nirx.diagnosis.result import Candidate, Confirmed, Diagnosis, NodeDiagnosis
from nirx.diagnosis.table import diagnosis_table
from nirx.errors import InputError
from nirx.execution.assemble import dtype_name
from nirx.inputs.choose import source_for
from nirx.recordings.load_recording import load_recording

__all__ = ["diagnose_command"]

UNEXPLAINED = 1


def diagnose_command(
    file: File,
    recording: Annotated[
        Path,
        typer.Argument(
            metavar="OBSERVED",
            help="What was recorded: .npz, .h5 or .csv, named as `nirx run --record` names it; "
            "or NIRData, such as a reference.",
        ),
    ],
    input_: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="DATA",
            help="Arrays (.npz, .npy), time first, then batch, then features, named as the graph's "
            "Inputs; or whatever `nirx reference` takes: a reference, csv, NIRData, HDF5 events, "
            "or a generator such as poisson:rate=0.2.",
            rich_help_panel="Input (one of --input and --random)",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            min=0,
            help="Of a generator.",
            rich_help_panel="Input (one of --input and --random)",
        ),
    ] = 0,
    random: Seed = None,
    steps: Steps = None,
    batch: Batch = None,
    rate: Rate = None,
    dt: Annotated[
        list[float] | None,
        typer.Option("--dt", help="Length of a step; repeat it to try several."),
    ] = None,
    preset: Preset = None,
    set_: Sets = None,
    override: Overrides = None,
    max_shift: Annotated[
        int,
        typer.Option("--max-shift", min=0, help="Whole steps a recording may be late or early."),
    ] = 2,
    top: Annotated[
        int, typer.Option("--top", min=1, max=10, help="Candidates to show per node.")
    ] = 5,
    dtype: Dtype = "float64",
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            help="For v and i, relative to a recording's largest; spikes have to be equal. "
            "Default 1e-6, 1e-4 where recording or run is float32, 3/4 of a unit for whole "
            "numbers.",
        ),
    ] = None,
    json: Json = False,
) -> Report:
    """Find the discretization under which nirx reproduces a recording.

    Exit status 0 if everything recorded is explained, 1 if it is not, 2 for bad input.
    """
    kind = dtype_name(dtype)
    opened = open_graph(file, dt[0] if dt else None, preset, set_, override)
    inputs = _inputs(opened, kind, input_, seed, random, steps, batch, rate)
    lead = (inputs.steps, *inputs.batch)
    dts = dt or [opened.discretization.dt]
    observed = load_recording(recording, opened.schedule, lead, dts)
    asked = bool(preset or set_ or override) or "metadata" in opened.origin
    found = diagnose(
        opened.graph,
        inputs.arrays,
        observed,
        discretization=opened.discretization if asked else None,
        dt=dt or opened.discretization.dt,
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
        **_payload(found, top),
    }
    text = "\n".join(str(cell(line)) for line in diagnosis_table(found, top).split("\n"))
    parts = (text, f"discretization: {cell(found.discretization.to_json())}")
    return Report(0 if found.explained else UNEXPLAINED, payload, parts, json)


def _inputs(
    opened: Opened,
    dtype: str,
    data: str | None,
    seed: int,
    random: int | None,
    steps: int | None,
    batch: int | None,
    rate: float | None,
) -> Inputs:
    """Arrays and --random as in `nirx run`; anything else as in `nirx reference`."""
    arrays = data is not None and Path(data).suffix.lower() in (".npz", ".npy", "")
    if data is None or random is not None or (arrays and ":" not in data and Path(data).exists()):
        file = None if data is None else Path(data)
        return make_inputs(opened.schedule, dtype, file, random, steps, batch, rate)
    if rate is not None:
        raise InputError("--rate goes with --random; a generator has it as poisson:rate=0.2")
    options: dict[str, Any] = {"steps": steps, "batch": batch, "seed": seed, "graph": opened.graph}
    source = source_for(opened.schedule, data, dtype, **options)
    return Inputs(source.read(0, source.steps), source.steps, source.batch)


def _payload(found: Diagnosis, top: int) -> dict[str, Any]:
    return {
        "explained": found.explained,
        "discretization": found.discretization.to_json(),
        "asked": found.asked.to_json(),
        "explanation": found.explain().split("\n"),
        "first_divergence": _divergence(found.first_divergence),
        "nodes": [_node(node, top) for node in found.nodes],
        "confirmed": [_confirmed(own) for own in found.confirmed],
    }


def _node(node: NodeDiagnosis, top: int) -> dict[str, Any]:
    return {
        "node": node.node,
        "type": node.type_name,
        "recorded": node.recorded,
        "searched_with": node.searched_with,
        "silent": node.silent,
        "by_spikes": node.by_spikes,
        "max_shift": node.max_shift,
        "pinned": node.pinned,
        "open": node.open,
        "indistinguishable": len(node.indistinguishable),
        "alternatives": [
            {"shift": shift, "choices": dict(own)} for shift, own in node.alternatives.items()
        ],
        "candidates": [_candidate(own) for own in node.candidates[:top]],
    }


def _candidate(own: Candidate) -> dict[str, Any]:
    return {
        "choices": dict(own.choices),
        "changes": own.changes,
        "shift": own.shift,
        "scale": own.scale,
        "offset": own.offset,
        "mismatches": own.mismatches,
        "spikes_matched": own.spikes_matched,
        "spikes": own.spikes,
        "samples_within": own.samples_within,
        "samples": own.samples,
        "error": own.error,
        "tolerance_needed": own.tolerance_needed,
        "first_divergence": _divergence(own.first_divergence),
    }


def _confirmed(own: Confirmed) -> dict[str, Any]:
    return {
        "key": own.key,
        "spikes": own.spikes,
        "elements": own.elements,
        "differing": own.differing,
        "numbers": own.recorded,
        "shift": own.shift,
        "first_divergence": _divergence(own.first_divergence),
    }


def _divergence(found: Divergence | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "step": found.step,
        "node": found.node,
        "index": list(found.index),
        "recorded": found.reference,
        "simulated": found.other,
    }
