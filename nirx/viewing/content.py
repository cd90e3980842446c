"""What a page shows of one or several runs: one sample, and of long or wide ones a part."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.basics.printable import printable
from nirx.drawing.choice import Choice, Spot, choose
from nirx.viewing.scene import Scene

__all__ = ["page_data"]

MOST_STEPS = 1000
MOST_KEYS = 40
MOST_NEURONS = {True: 64, False: 4}
"""Of rasters, and of values."""
MOST_NUMBERS = 16
"""Of an input that are written out."""
DIGITS = 6


def page_data(scene: Scene) -> dict[str, Any]:
    """The recordings as plain data, for JSON, with notes on what is left out."""
    comparison = scene.comparison
    chosen = choose(comparison, scene.schedule)
    first = comparison.first_divergence
    at = 0 if first is None else first.step
    start = max(0, min(at - MOST_STEPS // 2, chosen.steps - MOST_STEPS))
    stop = min(chosen.steps, start + MOST_STEPS)
    every = list(scene.sides[comparison.reference])
    keys = every[:MOST_KEYS]
    if first is not None and first.node not in keys and first.node in every:
        keys = [*keys[:-1], first.node]
    notes = []
    if stop - start < chosen.steps:
        notes.append(f"steps {start:,} to {stop - 1:,} of {chosen.steps:,} are shown")
    if len(keys) < len(every):
        notes.append(f"{len(keys)} of {len(every):,} recordings are shown")
    if chosen.batch:
        notes.append(f"sample {', '.join(map(str, chosen.batch))} is shown")
    found = [_recording(scene, key, start, stop, chosen) for key in keys]
    thin = sum(own["total"] > len(own["neurons"]) for own in found)
    if thin:
        own = "1 recording" if thin == 1 else f"{thin} recordings"
        notes.append(f"of {own} only some neurons are shown")
    return {
        "start": start,
        "stop": stop,
        "dt": comparison.discretization.dt,
        "sides": [printable(side) for side in scene.sides],
        "divergence": None if first is None else first.step,
        "recordings": found,
        "inputs": _inputs(scene, chosen.batch),
        "notes": notes,
    }


def _recording(scene: Scene, key: str, start: int, stop: int, chosen: Choice) -> dict[str, Any]:
    """One recording of every side that has it."""
    parts = [
        _flat(own[key], start, stop, chosen.batch) if key in own else None
        for own in scene.sides.values()
    ]
    shown = [part for part in parts if part is not None]
    raster = all(bool(np.isin(part, (0, 1)).all()) for part in shown)
    raster = raster or key in scene.comparison.spiking
    total = shown[0].shape[1]
    neurons = list(range(min(total, MOST_NEURONS[raster])))
    spot = _spot_in(key, total, chosen.spot)
    if spot is not None and spot not in neurons:
        neurons = [*neurons[:-1], spot]
    data = [
        None if part is None else _events(part[:, neurons], start) if raster
        else _lines(part[:, neurons])
        for part in parts
    ]  # fmt: skip
    first = scene.comparison.first_divergence
    return {
        "key": printable(key),
        "raster": raster,
        "total": total,
        "neurons": neurons,
        "data": data,
        "spot": None if spot is None else neurons.index(spot),
        "diverges": first is not None and first.node == key,
    }


def _spot_in(key: str, total: int, spot: Spot | None) -> int | None:
    """The neuron that diverges first, in the recordings of its node."""
    if spot is None or spot.neuron >= total:
        return None
    own = key in (spot.key, spot.node) or key.startswith(f"{spot.node}.")
    return spot.neuron if own else None


def _events(part: np.ndarray, start: int) -> list[list[int]]:
    """The steps in which each neuron spikes."""
    return [(np.flatnonzero(column > 0) + start).tolist() for column in part.T]


def _lines(part: np.ndarray) -> list[list[float | None]]:
    return [[_number(v) for v in column] for column in part.T]


def _flat(array: Any, start: int, stop: int, batch: tuple[int, ...]) -> np.ndarray:
    part = np.asarray(array[(slice(start, stop), *batch)], np.float64)
    return part.reshape(len(part), int(np.prod(part.shape[1:], dtype=int)))


def _number(value: Any) -> float | None:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None


def _inputs(scene: Scene, batch: tuple[int, ...]) -> list[str]:
    """The input of the step that diverges, in words."""
    first = scene.comparison.first_divergence
    if first is None:
        return []
    recorded = scene.sides[scene.comparison.reference]
    texts = []
    for _, position in scene.schedule.inputs:
        name = scene.schedule.nodes[position].name
        if name in recorded:
            own = _flat(recorded[name], first.step, first.step + 1, batch)[0]
            left = own.size - MOST_NUMBERS
            numbers = " ".join(f"{value:g}" for value in own[:MOST_NUMBERS])
            more = f" and {left:,} more" if left > 0 else ""
            texts.append(f"{printable(name)}: {numbers}{more}")
    return texts
