"""What of a comparison is worth drawing: which steps, batch element, nodes and neurons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nirx.comparison.divergence import Divergence
from nirx.comparison.result import Comparison
from nirx.dynamics.ops import Shape
from nirx.graphs.recording import resolve_record
from nirx.graphs.schedule import Schedule

__all__ = ["Choice", "Raster", "Trace", "choose"]

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
    """One neuron's value over time: its flat index, and the same in the node's shape."""

    key: str
    neuron: int
    index: tuple[int, ...]


@dataclass(frozen=True)
class Choice:
    """Steps start..stop-1 of one batch element, and what is drawn of it.

    Arguments:
        steps: how many there are.
        batch: index of the batch element; () without batch axes.
    """

    start: int
    stop: int
    steps: int
    batch: tuple[int, ...]
    rasters: tuple[Raster, ...]
    traces: tuple[Trace, ...]
    features: dict[str, Shape]

    def view(self, array: np.ndarray) -> np.ndarray:
        """The chosen part of a recording [time, *batch, *features] as [time, neuron]."""
        part = array[(slice(self.start, self.stop), *self.batch)]
        return part.reshape(part.shape[0], math.prod(part.shape[1:]))

    def raster_height(self, first: Divergence) -> float | None:
        """Where a divergence lies in the rasters, each of which has a height of 1."""
        for number, raster in enumerate(self.rasters):
            if raster.key == _node_of(first.node, self.rasters):
                rows = np.flatnonzero(raster.neurons == self._flat(first))
                return number + (int(rows[0]) + 0.5) / len(raster.neurons) if rows.size else None
        return None

    def is_at(self, trace: Trace, first: Divergence) -> bool:
        """Whether a trace shows the very value that differs."""
        return trace.key == first.node and trace.neuron == self._flat(first)

    def _flat(self, first: Divergence) -> int:
        return flat_index(first, self.features[first.node])


def choose(comparison: Comparison, schedule: Schedule) -> Choice:
    """The node and neuron that part first, then the busiest ones."""
    recorded = comparison.recordings[comparison.reference]
    features = feature_shapes(schedule, list(recorded))
    first = comparison.first_divergence
    length = next((len(a) for a in recorded.values()), 0)
    start = 0
    if first is not None and length > MOST_STEPS:
        start = min(max(first.step - MOST_STEPS // 2, 0), length - MOST_STEPS)
    stop = min(start + MOST_STEPS, length)
    batch = _batch_element(recorded, features, first)
    whole = Choice(start, stop, length, batch or (), (), (), features)
    if batch is None or length == 0:
        return whole
    activity = {k: np.abs(whole.view(recorded[k])).sum(axis=0) for k in comparison.spiking}
    special = None if first is None else (first.node, flat_index(first, features[first.node]))
    rasters = _rasters(activity, special)
    traces = _traces(recorded, features, activity, special, list(comparison.spiking))
    return Choice(start, stop, length, batch, rasters, traces, features)


def flat_index(first: Divergence, shape: Shape) -> int:
    """The flat feature index of a divergence, its batch axes left out."""
    index = first.index[len(first.index) - len(shape) :]
    return int(np.ravel_multi_index(index, shape)) if shape else 0


def feature_shapes(schedule: Schedule, keys: list[str]) -> dict[str, Shape]:
    """Shape without time and batch of each recording."""
    shapes = {}
    for probe in resolve_record(schedule, keys):
        node = schedule.nodes[probe.position]
        shape = node.output_shape
        if probe.variable is not None:
            shape = schedule.node_state_shapes(node)[probe.variable]
        shapes[str(probe.key)] = tuple(shape)
    return shapes


def _batch_element(
    recorded: Mapping[str, np.ndarray], features: dict[str, Shape], first: Divergence | None
) -> tuple[int, ...] | None:
    """That of the divergence, else the first; None where there is none."""
    if first is not None:
        return first.index[: len(first.index) - len(features[first.node])]
    for key, array in recorded.items():
        lead = array.shape[1 : array.ndim - len(features[key])]
        return None if 0 in lead else (0,) * len(lead)
    return None


def _node_of(key: str, rasters: tuple[Raster, ...]) -> str:
    """The spiking node whose own potential or current a key may be."""
    known = {raster.key for raster in rasters}
    return key if key in known else key.rpartition(".")[0]


def _rasters(
    activity: dict[str, np.ndarray], special: tuple[str, int] | None
) -> tuple[Raster, ...]:
    keys = [k for k in activity if activity[k].size]
    shown = keys[:MOST_RASTERS]
    node = None if special is None else special[0]
    if node is not None and node not in activity:
        node = node.rpartition(".")[0]
    if node in keys and node not in shown:
        shown = [*shown[: MOST_RASTERS - 1], node]
    rasters = []
    for key in shown:
        busiest = list(np.argsort(-activity[key], kind="stable")[:MOST_NEURONS])
        if special is not None and key == node and special[1] not in busiest:
            busiest = [*busiest[: MOST_NEURONS - 1], special[1]]
        rasters.append(Raster(key, np.sort(np.array(busiest, int)), activity[key].size))
    return tuple(rasters)


def _traces(
    recorded: Mapping[str, np.ndarray],
    features: dict[str, Shape],
    activity: dict[str, np.ndarray],
    special: tuple[str, int] | None,
    spiking: list[str],
) -> tuple[Trace, ...]:
    potentials = [k for k in recorded if k.endswith(".v") and k not in spiking]
    keys = potentials or [k for k in recorded if k not in spiking]
    wanted: list[tuple[str, int]] = []
    if special is not None:
        key, neuron = special
        if key in activity:  # spikes are in the raster, what led to them is in the potential
            key = f"{key}.v"
        if key in recorded:
            wanted.append((key, neuron))
    # The last nodes are the readout; of each, the neuron that is busiest.
    for key in [*keys[:1], *reversed(keys[1:])]:
        busy = activity.get(key.rpartition(".")[0])
        size = math.prod(features[key])
        if size:
            wanted.append((key, int(busy.argmax()) if busy is not None and busy.size else 0))
    chosen = list(dict.fromkeys(wanted))[:MOST_TRACES]
    return tuple(
        Trace(k, n, tuple(int(i) for i in np.unravel_index(n, features[k])) if features[k] else ())
        for k, n in chosen
    )
