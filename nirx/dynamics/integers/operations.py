"""Shifts, rounded products and limited bits, on whole numbers in float64."""

from __future__ import annotations

from nirx.dynamics.arithmetic import Arithmetic
from nirx.dynamics.ops import Array, Ops

__all__ = ["decayed", "kept_after_decay", "limited", "nearest", "shifted_down"]


def nearest(ops: Ops, x: Array) -> Array:
    """The nearest whole number, halves up."""
    return ops.floor(ops.add(x, ops.constant(0.5)))


def down(ops: Ops, x: Array) -> Array:
    """The largest whole number that is not above x, or just above it by the rounding of x."""
    return ops.floor(ops.add(x, ops.constant(2.0**-20)))


def shifted_down(ops: Ops, x: Array, bits: int) -> Array:
    """x >> bits: the floor of x / 2**bits."""
    return ops.floor(ops.mul(x, ops.constant(2.0**-bits)))


def limited(ops: Ops, x: Array, low: int, high: int, overflow: str) -> tuple[Array, Array]:
    """x within a range, and 1 where it was not.

    Arguments:
        overflow: `"saturate"` or `"wrap"`.
    """
    above, below = ops.constant(float(high)), ops.constant(float(low))
    over, under = ops.greater(x, above), ops.greater(below, x)
    if overflow == "saturate":
        y = ops.select(over, above, ops.select(under, below, x))
    else:
        span = high - low + 1  # a power of two, so the quotient is exact but for its floor
        turns = ops.floor(ops.mul(ops.sub(x, below), ops.constant(1.0 / span)))
        y = ops.sub(x, ops.mul(turns, ops.constant(float(span))))
    return y, ops.add(over, under)


def kept_after_decay(ops: Ops, arithmetic: Arithmetic, a: Array, bits: int) -> Array:
    """The factor that `decayed` takes, from the fraction a by which a state decays in a step.

    Arguments:
        a: `decay_fraction`, any shape.
        bits: of the state.

    Returns: 2**k - d with d = 2**k * a, whole ("multiply"; halves go up); 2**-m with
    m = -log2(a) to the nearest ("shift").
    """
    if arithmetic.decay == "multiply":
        whole = ops.constant(2.0**arithmetic.decay_bits)
        d = ops.mul(whole, a)
        if arithmetic.decay_value == "nearest":
            d = ops.add(d, ops.constant(0.5))
        return ops.sub(whole, down(ops, d))
    kept = ops.constant(1.0)
    for m in range(1, bits + 1):
        smaller = ops.greater(ops.constant(2.0 ** (0.5 - m)), a)
        kept = ops.select(smaller, ops.constant(2.0**-m), kept)
    return kept


def decayed(ops: Ops, arithmetic: Arithmetic, s: Array, kept: Array) -> Array:
    """A state after its decay; `kept` is that of `kept_after_decay`."""
    zero = ops.constant(0.0)
    if arithmetic.decay == "shift":
        part = ops.floor(ops.mul(s, kept))
        one = ops.sub(ops.greater(s, zero), ops.greater(zero, s))
        return ops.sub(s, ops.select(part, part, one))
    product, bits = ops.mul(s, kept), arithmetic.decay_bits
    if arithmetic.decay_rounding == "down":
        return shifted_down(ops, product, bits)
    negative = ops.greater(zero, product)
    size = ops.select(negative, ops.sub(zero, product), product)
    if arithmetic.decay_rounding == "nearest":
        size = ops.add(size, ops.constant(2.0 ** (bits - 1)))
    size = shifted_down(ops, size, bits)
    return ops.select(negative, ops.sub(zero, size), size)
