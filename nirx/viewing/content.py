"""What a page shows of one or several runs: one sample, and of long or wide ones a part."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.basics.printable import printable
from nirx.comparison.result import Comparison
from nirx.drawing.choice import choose
from nirx.graphs.recording import resolve_record
from nirx.graphs.schedule import Schedule

__all__ = ["page_data"]

MOST_STEPS = 1000
MOST_KEYS = 40
MOST_NEURONS = {True: 64, False: 4}
"""Of spikes, and of values."""
DIGITS = 6


def page_data(comparison: Comparison, schedule: Schedule) -> dict[str, Any]:
    """The recordings as plain data, for JSON, with notes on what is left out."""
    chosen = choose(comparison, schedule)
    first = comparison.first_divergence
    at = 0 if first is None else first.step
    start = max(0, min(at - MOST_STEPS // 2, chosen.steps - MOST_STEPS))
    stop = min(chosen.steps, start + MOST_STEPS)
    recorded = comparison.recordings[comparison.reference]
    keys = list(recorded)[:MOST_KEYS]
    if first is not None and first.node not in keys and first.node in recorded:
        keys = [*keys[:-1], first.node]
    notes = []
    if stop - start < chosen.steps:
        notes.append(f"steps {start:,} to {stop - 1:,} of {chosen.steps:,} are shown")
    if len(keys) < len(recorded):
        notes.append(f"{len(keys)} of {len(recorded):,} recordings are shown")
    if chosen.batch:
        notes.append(f"sample {', '.join(map(str, chosen.batch))} is shown")
    found = [_recording(comparison, key, start, stop, chosen.batch) for key in keys]
    thin = [own["key"] for own in found if own["total"] > len(own["neurons"])]
    if thin:
        notes.append(f"of {len(thin)} recordings only some neurons are shown")
    return {
        "start": start,
        "stop": stop,
        "dt": comparison.discretization.dt,
        "sides": [printable(side) for side in comparison.recordings],
        "divergence": None if first is None else first.step,
        "recordings": found,
        "inputs": _inputs(comparison, schedule, chosen.batch),
        "notes": notes,
    }


def _recording(
    comparison: Comparison, key: str, start: int, stop: int, batch: tuple[int, ...]
) -> dict[str, Any]:
    spikes, first = key in comparison.spiking, comparison.first_divergence
    sides = {
        side: _flat(own[key], start, stop, batch)
        for side, own in comparison.recordings.items()
        if key in own
    }
    total = next(iter(sides.values())).shape[1]
    neurons = list(range(min(total, MOST_NEURONS[spikes])))
    if first is not None and first.node == key and total:
        shape = np.shape(comparison.recordings[comparison.reference][key])[1 + len(batch) :]
        own = int(np.ravel_multi_index(first.index[len(batch) :], shape)) if shape else 0
        neurons = neurons if own in neurons else [*neurons[:-1], own]
    lines: list[Any] = []
    for array in sides.values():
        part = array[:, neurons]
        if spikes:
            lines.append([[int(t) + start, int(n)] for t, n in np.argwhere(part > 0)])
        else:
            lines.append([[_number(v) for v in column] for column in part.T])
    return {
        "key": printable(key), "spikes": spikes, "total": total, "neurons": neurons, "data": lines,
    }  # fmt: skip


def _flat(array: Any, start: int, stop: int, batch: tuple[int, ...]) -> np.ndarray:
    part = np.asarray(array[(slice(start, stop), *batch)])
    return part.reshape(len(part), int(np.prod(part.shape[1:], dtype=int)))


def _number(value: Any) -> float | None:
    return round(float(value), DIGITS) if np.isfinite(value) else None


def _inputs(comparison: Comparison, schedule: Schedule, batch: tuple[int, ...]) -> list[str]:
    """The recorded input of the step that diverges, in words."""
    first = comparison.first_divergence
    recorded = comparison.recordings[comparison.reference]
    positions = {position for _, position in schedule.inputs}
    if first is None:
        return []
    texts = []
    for probe in resolve_record(schedule, list(recorded)):
        if probe.position in positions and probe.variable is None:
            own = _flat(recorded[str(probe.key)], first.step, first.step + 1, batch)[0]
            more = f" and {own.size - 16} more" if own.size > 16 else ""
            numbers = " ".join(f"{value:g}" for value in own[:16])
            texts.append(f"{printable(probe.key)}: {numbers}{more}")
    return texts
