"""The input that a move is checked with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.basics.progress import stage
from nirx.errors import InputError
from nirx.graphs.schedule import Schedule
from nirx.inputs.random_spikes import amplified, random_spikes
from nirx.moving.searching import count_silent, searched

__all__ = ["RandomSpikes", "accepted_input", "inputs_for"]


@dataclass(frozen=True)
class RandomSpikes:
    """Random spike trains, as high as it takes (1, 2, 4, ... 256) to make every layer spike.

    Where one height for all channels leaves a layer silent, the heights of single channels are
    searched, from -256 to 256.

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
        return _driving(graph, schedule, spikes, xs.seed)
    if isinstance(xs, Mapping):
        return {name: x.astype(dtype) for name, x in xs.items()}
    if len(schedule.inputs) != 1:
        names = ", ".join(repr(name) for name, _ in schedule.inputs)
        raise InputError(f"xs is one array; expected a dict of the Inputs {names}")
    return {schedule.inputs[0][0]: xs.astype(dtype)}


def _driving(
    graph: nir.NIRGraph, schedule: Schedule, spikes: Mapping[str, np.ndarray], seed: int
) -> dict[str, np.ndarray]:
    """Inputs that leave as few layers silent as possible, the last one included."""
    with stage("choosing the input", None, "trials") as advance:
        loud = amplified(graph, schedule, spikes)
        advance(1)
        silent = count_silent(graph, schedule, loud)
        advance(1)
        if not silent or not all(x.size for x in spikes.values()):
            return loud
        found = searched(graph, schedule, spikes, seed)
        if count_silent(graph, schedule, found) >= silent:
            return loud
    return {name: x.astype(loud[name].dtype) for name, x in found.items()}


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
