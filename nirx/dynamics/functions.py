"""exp and tanh by fixed sequences of IEEE operations: the same bits on every backend.

The math libraries round theirs differently, so reproducible mode does not use them.
"""

from __future__ import annotations

import math

from nirx.dynamics.coefficients import one_minus_exp
from nirx.dynamics.ops import Array, Ops

__all__ = ["exponential", "hyperbolic_tangent"]

TERMS = 20
BITS = 11
"""Of the largest power of two that counts: 2 ** 1024 is infinite in float64."""
LARGEST = 1000.0
"""Beyond, exp is infinite, or 0, in float32 and float64."""
HIGH = 45426 / 2**16
"""ln 2 in so few bits that its products with whole numbers below 512 are exact in float32..."""
LOW = 1.4286068203094173e-06
"""... and the rest of ln 2."""


def exponential(ops: Ops, x: Array) -> Array:
    """exp(x), within 2 ULP where it is neither infinite nor flushed to 0 (tests/dynamics).

    exp(x) = 2**k * exp(r) with k = floor(x / ln 2) and 0 <= r < ln 2: a Taylor polynomial for
    exp(r), and exact products with powers of two for each bit of k. NaN stays NaN.
    """
    zero, one = ops.constant(0.0), ops.constant(1.0)
    largest, smallest = ops.constant(LARGEST), ops.constant(-LARGEST)
    x = ops.select(ops.greater(x, largest), largest, x)
    x = ops.select(ops.greater(smallest, x), smallest, x)
    k = ops.floor(ops.mul(x, ops.constant(1 / math.log(2))))
    r = ops.sub(ops.sub(x, ops.mul(k, ops.constant(HIGH))), ops.mul(k, ops.constant(LOW)))
    y = ops.constant(1 / math.factorial(TERMS))
    for n in range(TERMS - 1, -1, -1):
        y = ops.add(ops.constant(1 / math.factorial(n)), ops.mul(r, y))
    negative = ops.greater(zero, k)
    # Squares of squares: a literal 2**512 is not a float32, but its product is infinite as it
    # should be. From the largest bit: what leaves the range there leaves it anyway.
    powers = [ops.select(negative, ops.constant(0.5), ops.constant(2.0))]
    for _ in range(BITS - 1):
        powers.append(ops.mul(powers[-1], powers[-1]))
    rest = ops.abs(k)
    for bit in range(BITS - 1, -1, -1):
        size = ops.constant(2.0**bit)
        has = ops.greater_equal(rest, size)
        rest = ops.sub(rest, ops.select(has, size, zero))
        y = ops.mul(y, ops.select(has, powers[bit], one))
    return y


def hyperbolic_tangent(ops: Ops, x: Array) -> Array:
    """tanh(x) = e / (2 - e) with e = 1 - exp(-2 |x|), and the sign of x."""
    size = ops.abs(x)
    e = one_minus_exp(ops, ops.add(size, size))
    y = ops.div(e, ops.sub(ops.constant(2.0), e))
    return ops.select(ops.greater(ops.constant(0.0), x), ops.sub(ops.constant(0.0), y), y)
