"""What a move is checked with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nir
import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.errors import InputError
from nirx.graphs.schedule import Schedule
from nirx.inputs.random_spikes import amplified, random_spikes

__all__ = ["BATCH", "SEED", "accepted_input", "inputs_for"]

STEPS, BATCH, RATE, SEED = 100, 4, 0.3, 0
"""Of the random spikes that a move is checked with unless the caller gives an input."""


def inputs_for(
    graph: nir.NIRGraph, schedule: Schedule, xs: Any, dtype: str
) -> dict[str, np.ndarray]:
    """What a move is checked with: the caller's (as `accepted_input` gave it), or random spikes."""
    if xs is None:
        spikes = random_spikes(schedule, STEPS, (BATCH,), RATE, SEED, dtype)
        return amplified(graph, schedule, spikes)
    if isinstance(xs, Mapping):
        return {name: x.astype(dtype) for name, x in xs.items()}
    if len(schedule.inputs) != 1:
        names = ", ".join(repr(name) for name, _ in schedule.inputs)
        raise InputError(f"xs is one array; expected a dict of the Inputs {names}")
    return {schedule.inputs[0][0]: xs.astype(dtype)}


def accepted_input(xs: Any) -> Any:
    """A caller's input as NumPy arrays of finite numbers."""
    if xs is None:
        return None
    if isinstance(xs, Mapping):
        return {name: accepted_input(x) for name, x in xs.items()}
    try:
        array = to_numpy(xs)
    except Exception as error:  # whatever a foreign array type raises
        raise InputError(f"xs is a {type(xs).__name__}; expected an array") from error
    if array.dtype.kind not in "biuf":
        raise InputError(f"xs has dtype {array.dtype}; expected real numbers")
    if not np.isfinite(array).all():
        raise InputError("xs holds NaN or infinity, with which nothing can be compared")
    return array
