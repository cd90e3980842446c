"""The input that a move is checked with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.errors import InputError
from nirx.graphs.schedule import Schedule
from nirx.inputs.random_spikes import amplified, random_spikes

__all__ = ["RandomSpikes", "accepted_input", "inputs_for"]


@dataclass(frozen=True)
class RandomSpikes:
    """Random spike trains, as high as it takes (1, 2, 4, ... 256) to make every layer spike.

    Arguments:
        rate: probability of a spike per step.
    """

    steps: int = 100
    batch: int = 4
    rate: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise InputError(f"rate {self.rate}; expected a probability between 0 and 1")


def inputs_for(
    graph: nir.NIRGraph, schedule: Schedule, xs: Any, dtype: str
) -> dict[str, np.ndarray]:
    """[time, batch, *features] by Input, for an input that `accepted_input` returned."""
    if isinstance(xs, RandomSpikes):
        spikes = random_spikes(schedule, xs.steps, (xs.batch,), xs.rate, xs.seed, dtype)
        return amplified(graph, schedule, spikes)
    if isinstance(xs, Mapping):
        return {name: x.astype(dtype) for name, x in xs.items()}
    if len(schedule.inputs) != 1:
        names = ", ".join(repr(name) for name, _ in schedule.inputs)
        raise InputError(f"xs is one array; expected a dict of the Inputs {names}")
    return {schedule.inputs[0][0]: xs.astype(dtype)}


def accepted_input(xs: Any) -> Any:
    """A caller's input as NumPy arrays of finite numbers, or `RandomSpikes`."""
    if xs is None or isinstance(xs, RandomSpikes):
        return xs or RandomSpikes()
    if isinstance(xs, Mapping):
        return {name: accepted_input(x) for name, x in xs.items()}
    try:
        array = to_numpy(xs)
    except Exception as error:  # whatever a foreign array type raises
        raise InputError(f"xs is a {type(xs).__name__}; expected an array") from error
    if array.dtype.kind not in "biuf":
        raise InputError(f"xs has dtype {array.dtype}; expected real numbers")
    if not np.isfinite(array).all():
        raise InputError("xs holds NaN or infinity; expected finite numbers")
    return array
