"""Integers: refuse a graph whose numbers are not whole, or too large for their bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nirx.dynamics.arithmetic import is_exact
from nirx.dynamics.base import Dynamics
from nirx.dynamics.integers.whole import Exact, WholeNumbers
from nirx.errors import Fault, GraphError, InputError
from nirx.execution.largest_numbers import largest_input
from nirx.execution.numpy_ops import NumpyOps
from nirx.graphs.schedule import Schedule

__all__ = ["WHOLE", "exact_numbers", "faults_of", "require_whole", "whole_inputs"]

NO_DECAY = "1 at most: nothing decays by more than all of it"

TOLERANCE = 1e-6
"""How far a number may be from a whole one, relative above 1: parameters may be in float32."""

WHOLE = "a whole number"
"""What a fault expects of a fraction."""
QUANTIZE = "nirx.quantize(graph, arithmetic) makes a graph in integer units"


def exact_numbers(dynamics: WholeNumbers, parameters: Any) -> dict[str, Exact]:
    """What has to be whole of a node, in float64 and not yet rounded."""
    own = {name: np.asarray(value, np.float64) for name, value in parameters.items()}
    with np.errstate(all="ignore"):
        return dynamics.exact(NumpyOps(np.dtype("float64")), own)


def require_whole(schedule: Schedule, parameters: list[dict[str, np.ndarray]]) -> int | None:
    """Check every node that computes in integers.

    Arguments:
        parameters: of every node.

    Returns: the largest number that may enter, so that every sum is exact; None for a network
    in floating point.

    **Raises**: `GraphError`.
    """
    if not schedule.discretization.in_integers:
        return None
    faults = []
    for place, own in zip(schedule.nodes, parameters, strict=True):
        faults += faults_of(place.name, place.dynamics, own)
    if faults:
        raise GraphError(faults)
    return largest_input(schedule, parameters)


def _decay_faults(where: str, dynamics: WholeNumbers, parameters: Any) -> list[Fault]:
    own = {name: np.asarray(value, np.float64) for name, value in parameters.items()}
    faults = []
    for name, a in dynamics.fractions(NumpyOps(np.dtype("float64")), own).items():
        most = float(np.max(a, initial=0.0))
        if most > 1 + TOLERANCE:
            found = f"{name} is shorter than dt: it decays by {most:.9g} of itself in a step"
            faults.append(
                Fault(where, found, NO_DECAY, 'a longer tau, or integrator="exponential"')
            )
    return faults


def faults_of(where: str, dynamics: Dynamics | None, parameters: Any) -> list[Fault]:
    """What is not whole, or too large, in a node that computes in integers.

    Arguments:
        where: what to call the node.
    """
    if not isinstance(dynamics, WholeNumbers):
        return []
    each = (_fault(where, exact) for exact in exact_numbers(dynamics, parameters).values())
    faults = [fault for fault in each if fault is not None]
    return faults + _decay_faults(where, dynamics, parameters)


def whole_inputs(inputs: Any) -> Any:
    """Inputs of a network in integers as int64: an array, or {Input: array}.

    **Raises**: `InputError` for numbers that are not whole.
    """
    if isinstance(inputs, Mapping):
        return {name: _whole_input(f"input {name!r}", x) for name, x in inputs.items()}
    return _whole_input("the input", inputs)


def _whole_input(where: str, value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return value  # the backend accepts or refuses it
    bad = ~is_exact(array)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{where} is {float(array[place]):.9g} at {list(place)}; the graph computes in "
            "integers: expected whole numbers below 2**53"
        )
    return array.astype(np.int64)


def _fault(where: str, exact: Exact) -> Fault | None:
    value = np.asarray(exact.value)
    whole = np.rint(value)
    with np.errstate(all="ignore"):
        off = np.abs(value - whole) > TOLERANCE * np.maximum(1.0, np.abs(value))
    off |= ~np.isfinite(value)
    outside = (whole < exact.low) | (whole > exact.high)
    shifted = f" (in units of 2**{exact.shift})" if exact.shift else ""
    for bad, expected in ((off, WHOLE), (outside, f"{exact.low} to {exact.high}")):
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            at = f" at {list(index)}" if index else ""
            more = f", and {int(bad.sum()) - 1:,} more" if bad.sum() > 1 else ""
            found = f"{exact.what}{at} is {float(value[index]):.9g}{shifted}{more}"
            return Fault(where, found, expected, QUANTIZE)
    return None
