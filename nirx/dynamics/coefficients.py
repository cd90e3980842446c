"""Coefficients of a step, computed from NIR's parameters once per run.

Everything is computed in the run's dtype, by a fixed sequence of IEEE operations, so that a
coefficient is the same number on every backend. (The `exp` functions of the math libraries differ.)
"""

from __future__ import annotations

import math

from nirx.dynamics.ops import Array, Ops

__all__ = ["decay_fraction", "input_fraction", "one_minus_exp"]

HALVINGS = 4
LARGEST = 64.0
TERMS = 32


def decay_fraction(ops: Ops, dt: float, tau: Array, integrator: str) -> Array:
    """The fraction a by which a state approaches its target in one step.

    Arguments:
        dt: length of a step, in the unit of tau.
        tau: time constants, any shape.
        integrator: `"euler"` (dt/tau) or `"exponential"` (1 - exp(-dt/tau)).

    Returns: an array of tau's shape.
    """
    ratio = ops.div(ops.constant(dt), tau)
    return ratio if integrator == "euler" else one_minus_exp(ops, ratio)


def input_fraction(ops: Ops, dt: float, tau: Array, integrator: str, input_gain: str) -> Array:
    """The factor of the input in one step.

    Arguments:
        dt, tau, integrator: as for `decay_fraction`.
        input_gain: `"matched"` (the decay fraction) or `"euler"` (dt/tau).

    Returns: an array of tau's shape.
    """
    return decay_fraction(ops, dt, tau, "euler" if input_gain == "euler" else integrator)


def one_minus_exp(ops: Ops, q: Array) -> Array:
    """1 - exp(-q), that is -expm1(-q), for q >= 0, by additions and products alone.

    With E(y) = 1 - exp(-y): a Taylor polynomial yields E(q / 2**4), and
    E(2y) = 2 E(y) - E(y)**2 doubles it back four times. Above q = 64 the result is 1 in float32
    and float64. It is within 4 ULP of the true value in both (tests/dynamics).
    """
    largest = ops.constant(LARGEST)
    q = ops.select(ops.greater(q, largest), largest, q)
    y = ops.mul(q, ops.constant(2.0**-HALVINGS))  # exact, and at most 4
    series = ops.constant(1.0 / math.factorial(TERMS))
    for n in range(TERMS - 1, 0, -1):
        series = ops.sub(ops.constant(1.0 / math.factorial(n)), ops.mul(y, series))
    e = ops.mul(y, series)
    for _ in range(HALVINGS):
        e = ops.sub(ops.mul(ops.constant(2.0), e), ops.mul(e, e))
    return e
