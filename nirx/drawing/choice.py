"""What of a comparison is worth drawing: which steps, batch element, nodes and neurons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from nirx.comparison.divergence import Divergence
from nirx.comparison.result import Comparison
from nirx.dynamics.ops import Shape
from nirx.graphs.recording import recorded_shape, resolve_record
from nirx.graphs.schedule import Schedule

__all__ = ["Choice", "Raster", "Spot", "Trace", "choose"]

MOST_STEPS = 300
MOST_RASTERS = 4
MOST_NEURONS = 40
"""In one node's raster."""
MOST_TRACES = 3


@dataclass(frozen=True)
class Raster:
    """Flat indices of the neurons shown of a spiking node, in ascending order."""

    key: str
    neurons: np.ndarray
    total: int


@dataclass(frozen=True)
class Trace:
    """One neuron's value over time: its flat index, and its index in the node's shape."""

    key: str
    neuron: int
    index: tuple[int, ...]


@dataclass(frozen=True)
class Spot:
    """The first divergence: its recording, the spiking node that belongs to, the flat neuron."""

    key: str
    node: str
    neuron: int


@dataclass(frozen=True)
class Choice:
    """Steps start..stop-1 of one batch element, and what is drawn of it.

    Arguments:
        steps: length of the whole run.
        batch: index of the batch element; () without batch axes.
        spot: the first divergence; None if there is none.
    """

    start: int
    stop: int
    steps: int
    batch: tuple[int, ...]
    spot: Spot | None = None
    rasters: tuple[Raster, ...] = ()
    traces: tuple[Trace, ...] = ()

    def view(self, array: np.ndarray) -> np.ndarray:
        """The chosen part of a recording [time, *batch, *features] as [time, neuron]."""
        part = array[(slice(self.start, self.stop), *self.batch)]
        return part.reshape(part.shape[0], math.prod(part.shape[1:]))

    def raster_height(self) -> float | None:
        """Where the divergence lies in the rasters, each of which has a height of 1."""
        for number, raster in enumerate(self.rasters):
            if self.spot is not None and raster.key == self.spot.node:
                rows = np.flatnonzero(raster.neurons == self.spot.neuron)
                return number + (int(rows[0]) + 0.5) / len(raster.neurons) if rows.size else None
        return None

    def is_at(self, trace: Trace) -> bool:
        """Whether a trace shows the very value that differs."""
        spot = self.spot
        return spot is not None and (trace.key, trace.neuron) == (spot.key, spot.neuron)


def choose(comparison: Comparison, schedule: Schedule) -> Choice:
    """The node and neuron that diverge first, then the busiest ones."""
    recorded = comparison.recordings[comparison.reference]
    features = _feature_shapes(schedule, list(recorded))
    first, start = comparison.first_divergence, 0
    length = next((len(a) for a in recorded.values()), 0)
    if first is not None:
        start = max(0, min(first.step - MOST_STEPS // 2, length - MOST_STEPS))
    batch = _batch_element(recorded, features, first)
    choice = Choice(start, min(start + MOST_STEPS, length), length, batch or ())
    if batch is None or length == 0:
        return choice
    spot = None
    if first is not None:
        node = first.node if first.node in comparison.spiking else first.node.rpartition(".")[0]
        index, shape = first.index[len(batch) :], features[first.node]
        spot = Spot(first.node, node, int(np.ravel_multi_index(index, shape)) if shape else 0)
    activity = {k: np.abs(choice.view(recorded[k])).sum(axis=0) for k in comparison.spiking}
    rasters, traces = _rasters(activity, spot), _traces(features, activity, spot)
    return replace(choice, spot=spot, rasters=rasters, traces=traces)


def _feature_shapes(schedule: Schedule, keys: list[str]) -> dict[str, Shape]:
    """Shape without time and batch of each recording."""
    # Of "all", the key of a variable may be a tuple, which text cannot name.
    probes = {str(probe.key): probe for probe in resolve_record(schedule, "all")}
    others = resolve_record(schedule, [key for key in keys if key not in probes])
    probes.update((str(probe.key), probe) for probe in others)
    return {key: recorded_shape(schedule, probes[key]) for key in keys}


def _batch_element(
    recorded: Mapping[str, np.ndarray], features: dict[str, Shape], first: Divergence | None
) -> tuple[int, ...] | None:
    """That of the divergence, else the first; None for an empty batch."""
    if first is not None:
        return first.index[: len(first.index) - len(features[first.node])]
    for key, array in recorded.items():
        lead = array.shape[1 : array.ndim - len(features[key])]
        return None if 0 in lead else (0,) * len(lead)
    return None


def _rasters(activity: dict[str, np.ndarray], spot: Spot | None) -> tuple[Raster, ...]:
    keys = [k for k in activity if activity[k].size]
    shown = keys[:MOST_RASTERS]
    if spot is not None and spot.node in keys and spot.node not in shown:
        shown = [*shown[: MOST_RASTERS - 1], spot.node]
    rasters = []
    for key in shown:
        busiest = list(np.argsort(-activity[key], kind="stable")[:MOST_NEURONS])
        if spot is not None and key == spot.node and spot.neuron not in busiest:
            busiest = [*busiest[: MOST_NEURONS - 1], spot.neuron]
        rasters.append(Raster(key, np.sort(np.array(busiest, int)), activity[key].size))
    return tuple(rasters)


def _traces(
    features: dict[str, Shape], activity: dict[str, np.ndarray], spot: Spot | None
) -> tuple[Trace, ...]:
    values = [k for k in features if k not in activity]
    keys = [k for k in values if k.endswith(".v")] or values
    wanted: list[tuple[str, int]] = []
    if spot is not None:
        # Spikes are in the raster; what led to them is in the membrane potential.
        wanted.append((f"{spot.key}.v" if spot.key in activity else spot.key, spot.neuron))
    # The last nodes are the readout; of each node, the busiest neuron.
    for key in [*keys[:1], *reversed(keys[1:])]:
        busy = activity.get(key.rpartition(".")[0], np.zeros(1))
        wanted.append((key, int(busy.argmax()) if busy.size else 0))
    chosen = [(k, n) for k, n in dict.fromkeys(wanted) if math.prod(features.get(k, (0,)))]
    return tuple(
        Trace(k, n, tuple(int(i) for i in np.unravel_index(n, features[k])))
        for k, n in chosen[:MOST_TRACES]
    )
