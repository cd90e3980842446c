"""Random spike trains for the Inputs of a graph, strong enough to make it spike."""

from __future__ import annotations

import math
from collections.abc import Mapping

import nir
import numpy as np

from nirx.dynamics.ops import Shape
from nirx.graphs.schedule import Schedule
from nirx.inputs.protocol import SlicedSource, Wanted, wanted_of, whole

__all__ = ["RandomSource", "amplified", "random_spikes"]

DOUBLINGS = 8
BLOCK = 2**18
"""Draws in memory at once."""


class RandomSource(SlicedSource):
    """Bernoulli spike trains: the numbers of `default_rng(seed).random(shape) < rate`.

    The Inputs are drawn one after the other, in the order of their names. PCG64 takes one draw
    per number and can skip any number of draws, so that any step can be read.

    Arguments:
        wanted: with the number of steps and the batch.
        rate: probability of a spike per step.
        seed: the same seed gives the same spikes on every machine.
    """

    portable = True

    def __init__(self, wanted: Wanted, rate: float, seed: int):
        assert wanted.steps is not None, "the caller states it"
        assert wanted.batch is not None, "the caller states it"
        own = {"rate": rate, "seed": seed}
        super().__init__(wanted, "random", wanted.steps, wanted.batch, own)
        self._rate, self._seed = rate, seed
        self._first: dict[str, int] = {}
        drawn = 0
        for name in wanted.features:
            self._first[name] = drawn
            drawn += self.steps * self._row(name)

    def _values(self, name: str, start: int, stop: int) -> np.ndarray:
        bits, row = np.random.PCG64(self._seed), self._row(name)
        bits.advance(self._first[name] + start * row)
        draw, rows = np.random.Generator(bits).random, max(1, BLOCK // max(1, row))
        spikes = np.empty((stop - start, row), bool)
        for first in range(0, stop - start, rows):
            own = spikes[first : first + rows]
            np.less(draw(own.shape), self._rate, out=own)
        size = math.prod(self._wanted.features[name])
        return spikes.reshape(stop - start, self._samples, size)

    def _row(self, name: str) -> int:
        """Numbers in a step."""
        return self._samples * math.prod(self._wanted.features[name])


def random_spikes(
    schedule: Schedule, steps: int, batch: Shape, rate: float, seed: int, dtype: str
) -> dict[str, np.ndarray]:
    """All steps of a `RandomSource`, `[time, *batch, *features]` by the name of the Input.

    **Raises**: `InputError` if there is not enough memory for them.
    """
    return whole(RandomSource(wanted_of(schedule, dtype, steps, batch), rate, seed))


def amplified(
    graph: nir.NIRGraph, schedule: Schedule, inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Inputs times the smallest power of two, at most 256, that leaves the fewest nodes silent.

    Arguments:
        schedule: of the graph.
        inputs: `[time, batch, *features]` by the name of the Input; the first sample is tried.
    """
    from nirx.execution.numpy_backend import from_nir  # only this function needs a backend

    spiking = [p.path for p in schedule.nodes if p.spiking]
    if not spiking:
        return dict(inputs)
    net = from_nir(graph, schedule.discretization, "float64")
    best, fewest = 1.0, len(spiking) + 1
    for number in range(DOUBLINGS + 1):
        xs = {name: 2.0**number * np.float64(x[:, :1]) for name, x in inputs.items()}
        _, _, found = net.run(xs, record=spiking)
        silent = sum(not found[path].any() for path in spiking)
        if silent < fewest:
            best, fewest = 2.0**number, silent
        if not silent:
            break
    return {name: x * x.dtype.type(best) for name, x in inputs.items()}
