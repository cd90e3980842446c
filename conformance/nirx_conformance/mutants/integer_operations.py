"""Mutants of the operations on integers: shifts, rounded products, limits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from nirx import Arithmetic
from nirx.dynamics.integers import connections, neurons, operations
from nirx.dynamics.ops import Array, Ops
from nirx.execution.backend import Prepared
from nirx_conformance.mutants.mutant import Mutant, Request, on_prepare

Limited = tuple[Array, Array]


def on_operation(module: Any) -> Callable[[Any], Mutant]:
    """A mutant of a function of `operations`, where a module calls it: `change(right, ...)`.

    Its name ends in that of the function: `logical_shift_in_decayed`.
    """

    def decorate(change: Any) -> Mutant:
        name = change.__name__.rpartition("_in_")[2]
        wrong = partial(change, getattr(operations, name))

        def build(request: Request) -> Prepared:
            run = request.run()

            def patched(inputs: Any, state: Any = None, record: Any = ()) -> Any:
                with patch.object(module, name, wrong):
                    return run(inputs, state, record)

            return patched

        build.__name__, build.__doc__ = change.__name__, change.__doc__
        return on_prepare(build)

    return decorate


@on_operation(neurons)
def logical_shift_in_decayed(right: Any, ops: Ops, own: Arithmetic, s: Array, kept: Array) -> Array:
    """A decay by shift shifts zeros into negative numbers."""
    if own.decay == "multiply":
        return right(ops, own, s, kept)
    bits = np.where(s < 0, s + 2.0**own.membrane_bits, s)
    part = np.floor(bits * kept)
    return s - np.where(part != 0, part, np.sign(s))


@on_operation(neurons)
def no_step_of_one_in_decayed(
    right: Any, ops: Ops, own: Arithmetic, s: Array, kept: Array
) -> Array:
    """A decay by shift stops where the shifted number is 0."""
    return right(ops, own, s, kept) if own.decay == "multiply" else s - np.floor(s * kept)


@on_operation(neurons)
def shift_towards_zero_in_decayed(
    right: Any, ops: Ops, own: Arithmetic, s: Array, kept: Array
) -> Array:
    """A decay by shift rounds the shifted number towards zero."""
    if own.decay == "multiply":
        return right(ops, own, s, kept)
    part = np.trunc(s * kept)
    return s - np.where(part != 0, part, np.sign(s))


@on_operation(neurons)
def lost_part_rounded_in_decayed(
    right: Any, ops: Ops, own: Arithmetic, s: Array, kept: Array
) -> Array:
    """A decay by product rounds what is lost, and not what is left."""
    if own.decay == "shift":
        return right(ops, own, s, kept)
    return s - right(ops, own, s, 2.0**own.decay_bits - kept)


@on_operation(neurons)
def upper_limit_only_in_limited(
    right: Any, ops: Ops, x: Array, low: int, high: int, overflow: str
) -> Limited:
    """States saturate at the top only."""
    if overflow == "wrap":
        return right(ops, x, low, high, overflow)
    return np.minimum(x, float(high)), (x > high) * 1.0


@on_operation(neurons)
def lower_limit_only_in_limited(
    right: Any, ops: Ops, x: Array, low: int, high: int, overflow: str
) -> Limited:
    """States saturate at the bottom only."""
    if overflow == "wrap":
        return right(ops, x, low, high, overflow)
    return np.maximum(x, float(low)), (x < low) * 1.0


@on_operation(neurons)
def one_turn_at_most_in_limited(
    right: Any, ops: Ops, x: Array, low: int, high: int, overflow: str
) -> Limited:
    """A number beyond its bits by more than 2**bits wraps by 2**bits only."""
    if overflow == "saturate":
        return right(ops, x, low, high, overflow)
    over, under = (x > high) * 1.0, (x < low) * 1.0
    return x + (under - over) * (high - low + 1), over + under


@on_operation(neurons)
def counted_at_the_limit_in_limited(
    right: Any, ops: Ops, x: Array, low: int, high: int, overflow: str
) -> Limited:
    """A state exactly at its limit counts as an overflow."""
    y, over = right(ops, x, low, high, overflow)
    return y, np.maximum(over, (x == high) | (x == low))


@on_operation(connections)
def towards_zero_in_shifted_down(right: Any, ops: Ops, x: Array, bits: int) -> Array:
    """Sums that are shifted down are rounded towards zero."""
    return np.trunc(x * 2.0**-bits)


@on_operation(connections)
def nearest_in_shifted_down(right: Any, ops: Ops, x: Array, bits: int) -> Array:
    """Sums that are shifted down are rounded to the nearest."""
    return right(ops, x + (2.0 ** (bits - 1) if bits else 0.0), bits)


@on_operation(connections)
def logical_in_shifted_down(right: Any, ops: Ops, x: Array, bits: int) -> Array:
    """Negative sums are shifted down as numbers of 32 bits without sign."""
    return right(ops, np.where(x < 0, x + 2.0**32, x), bits)
