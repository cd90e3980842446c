"""`nirx diagnose`: which discretization made a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nirx.assemble import dtype_name
from nirx.cli.inputs import Batch, InputFile, Rate, Seed, Steps, make_inputs
from nirx.cli.options import File, Json, Overrides, Preset, Sets, open_graph
from nirx.cli.report import Report
from nirx.cli.run import Dtype
from nirx.diagnose import diagnose
from nirx.diagnosis.recording_file import read_recording
from nirx.diagnosis.result import Candidate, Confirmed, Diagnosis, NodeDiagnosis
from nirx.diagnosis.table import diagnosis_table
from nirx.divergence import Divergence
from nirx.tables import cell

__all__ = ["diagnose_command"]

UNEXPLAINED = 1


def diagnose_command(
    file: File,
    recording: Annotated[
        Path,
        typer.Argument(
            metavar="OBSERVED",
            help="What was recorded: .npz, .h5 or .csv, named as `nirx run --record` names it.",
        ),
    ],
    input_: InputFile = None,
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
            "Default 1e-6, or 1e-4 where recording or run is float32.",
        ),
    ] = None,
    json: Json = False,
) -> Report:
    """Find the discretization under which nirx reproduces a recording.

    Exit status 0 if the best candidate explains everything, 1 if it does not, 2 for bad input.
    """
    kind = dtype_name(dtype)
    opened = open_graph(file, dt[0] if dt else None, preset, set_, override)
    inputs = make_inputs(opened.schedule, kind, input_, random, steps, batch, rate)
    observed = read_recording(recording, opened.schedule, (inputs.steps, *inputs.batch))
    found = diagnose(
        opened.graph,
        inputs.arrays,
        observed,
        discretization=opened.discretization,
        dt=dt or None,
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
        "pinned": node.pinned,
        "open": node.open,
        "indistinguishable": len(node.indistinguishable),
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
        "first_divergence": _divergence(own.first_divergence),
    }


def _confirmed(own: Confirmed) -> dict[str, Any]:
    return {
        "key": own.key,
        "spikes": own.spikes,
        "elements": own.elements,
        "differing": own.differing,
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
