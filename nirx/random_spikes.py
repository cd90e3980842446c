"""Random spike trains for the Inputs of a graph."""

from __future__ import annotations

import numpy as np

from nirx.errors import InputError
from nirx.ops import Shape
from nirx.schedule import Schedule

__all__ = ["random_spikes"]


def random_spikes(
    schedule: Schedule, steps: int, batch: Shape, rate: float, seed: int, dtype: str
) -> dict[str, np.ndarray]:
    """Bernoulli spike trains [time, *batch, *features] by the name of the Input.

    Arguments:
        rate: probability of a spike per step.
        seed: the same seed gives the same spikes on every machine.

    **Raises**: `InputError` if there is not enough memory for them.
    """
    generator = np.random.default_rng(seed)
    arrays = {}
    for name, position in schedule.inputs:  # sorted by name, which fixes what each one draws
        shape = (steps, *batch, *schedule.nodes[position].input_shape)
        try:
            arrays[name] = (generator.random(shape) < rate).astype(dtype)
        except (MemoryError, ValueError) as error:  # ValueError: more than there are addresses
            raise InputError(f"not enough memory for {name!r} of shape {shape}") from error
    return arrays
