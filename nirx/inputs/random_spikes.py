"""Random spike trains for the Inputs of a graph, strong enough to make it spike."""

from __future__ import annotations

from collections.abc import Mapping

import nir
import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.graphs.schedule import Schedule

__all__ = ["amplified", "random_spikes"]

DOUBLINGS = 8


def random_spikes(
    schedule: Schedule, steps: int, batch: Shape, rate: float, seed: int, dtype: str
) -> dict[str, np.ndarray]:
    """Bernoulli spike trains `[time, *batch, *features]` by the name of the Input.

    Arguments:
        rate: probability of a spike per step.
        seed: the same seed gives the same spikes on every machine.

    **Raises**: `InputError` if there is not enough memory for them.
    """
    generator = np.random.default_rng(seed)
    arrays = {}
    for name, position in schedule.inputs:  # sorted by name, which fixes the order of the draws
        shape = (steps, *batch, *schedule.nodes[position].input_shape)
        try:
            arrays[name] = (generator.random(shape) < rate).astype(dtype)
        except (MemoryError, ValueError) as error:  # ValueError: beyond the address space
            raise InputError(f"not enough memory for {name!r} of shape {shape}") from error
    return arrays


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
