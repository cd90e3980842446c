"""Input that makes the layers spike which random spikes leave silent, found by search.

Dense noise averages out in a deep network, however high it is. So channels get heights of their
own, and those that bring the first silent layer closest to its threshold are kept and varied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nir
import numpy as np

from nirx.basics.progress import stage
from nirx.dynamics.parameters import parameter
from nirx.execution.numpy_backend import from_nir
from nirx.graphs.origin import node_at
from nirx.graphs.schedule import Schedule, ScheduledNode

__all__ = ["count_silent", "searched"]

GENERATIONS = 16
KEPT, COPIES = 4, 8
"""Samples that survive a generation, at least, and what each becomes in the next, at most."""
HIGHEST = 256.0
VARIED = 0.3
"""Share of the channels that a copy changes."""
MOST_RECORDED = 2**24
"""Numbers that one generation may record, which bounds its memory."""

Inputs = Mapping[str, np.ndarray]


def searched(
    graph: nir.NIRGraph, schedule: Schedule, spikes: Inputs, seed: int
) -> dict[str, np.ndarray]:
    """Inputs in which as many layers spike as the search finds.

    Arguments:
        spikes: trains of 0 and 1, [time, batch, *features] by Input. Those of the first sample
            get other heights for each sample.
        seed: the same seed finds the same inputs.
    """
    generator = np.random.default_rng([seed, 1])
    steps, batch = next(iter(spikes.values())).shape[:2]
    kept, trial = max(batch, KEPT), _Trial(graph, schedule)
    copies = int(np.clip(MOST_RECORDED // (kept * steps * trial.width), 2, COPIES))
    trains = {name: np.float64(x[:, :1]) for name, x in spikes.items()}
    heights = {}
    for name, x in trains.items():
        each = HIGHEST ** generator.random((kept * copies, *[1] * (x.ndim - 2)))
        heights[name] = each * generator.uniform(-1, 1, (kept * copies, *x.shape[2:]))
    best = heights
    with stage("searching the input", GENERATIONS, "rounds") as advance:
        for _ in range(GENERATIONS):
            scores, complete = trial.run({name: heights[name] * x for name, x in trains.items()})
            advance(1)
            order = np.argsort(-scores, kind="stable")[:kept]
            best = {name: x[order] for name, x in heights.items()}
            if complete:
                break
            heights = {name: _varied(generator, x, copies) for name, x in best.items()}
    return {name: best[name][:batch] * x + 0.0 for name, x in trains.items()}  # -0.0 becomes 0.0


def count_silent(graph: nir.NIRGraph, schedule: Schedule, xs: Inputs) -> int:
    """How many layers never spike, in no sample."""
    paths = [place.path for place in schedule.nodes if place.spiking]
    net = from_nir(graph, schedule.discretization, "float64")
    _, _, found = net.run({name: np.float64(x) for name, x in xs.items()}, record=paths)
    return sum(not found[path].any() for path in paths)


def _varied(generator: np.random.Generator, heights: np.ndarray, copies: int) -> np.ndarray:
    """Copies of each sample, the first of them unchanged."""
    many = np.repeat(heights, copies, axis=0)
    size = np.abs(many).mean(axis=tuple(range(1, many.ndim)), keepdims=True)
    change = size * generator.normal(size=many.shape) * (generator.random(many.shape) < VARIED)
    change[::copies] = 0.0
    return np.clip(many + change, -HIGHEST, HIGHEST)


class _Trial:
    """Runs many samples at once, and says how far each drives the network."""

    def __init__(self, graph: nir.NIRGraph, schedule: Schedule):
        self.layers = [place for place in schedule.nodes if place.spiking]
        self.thresholds = {
            place.path: parameter(node, "v_threshold")
            for place in self.layers
            for node in [node_at(graph, place.path)]
            if _has_membrane(place) and hasattr(node, "v_threshold")
        }
        keys = [(place.path, place.output_shape) for place in self.layers]
        self.width = sum(int(np.prod(shape)) for _, shape in keys) * 2
        self.record = [
            *(path for path, _ in keys),
            *(f"{place.name}.v" for place in self.layers if place.path in self.thresholds),
        ]
        self.net = from_nir(graph, schedule.discretization, "float64")

    def run(self, xs: Inputs) -> tuple[np.ndarray, bool]:
        """One number per sample, and whether every layer spikes in one of them.

        The number counts the layers that spike up to the first silent one, and is higher the
        closer that one comes to its threshold.
        """
        _, _, found = self.net.run(xs, record=self.record)
        driven = np.ones(next(iter(xs.values())).shape[1], bool)
        scores = np.zeros(len(driven))
        for place in self.layers:
            spiked = _per_sample(found[place.path] != 0).any(axis=1)
            scores += driven & spiked
            threshold = self.thresholds.get(place.path)
            if threshold is not None:
                below = _per_sample(threshold - found[f"{place.name}.v"]).min(axis=1)
                scores += np.where(driven & ~spiked, 1 / (2 + np.maximum(below, 0)), 0.0)
            driven &= spiked
        return np.nan_to_num(scores), bool(driven.any())


def _has_membrane(place: ScheduledNode) -> bool:
    return place.dynamics is not None and "v" in place.dynamics.state_shapes()


def _per_sample(rows: Any) -> np.ndarray:
    """[time, batch, *features] as [batch, everything else]."""
    return np.moveaxis(rows, 1, 0).reshape(rows.shape[1], -1)
