"""How a state decays in one step, and the constant it decays by."""

from __future__ import annotations

import math
from typing import Any

from nirx_conformance.oracle.integers.arithmetic import Arithmetic


def fraction(rule: Any, tau: float) -> float:
    """The fraction that decays in one step, in floating point: what a constant is made from."""
    if rule.integrator == "exponential":
        return -math.expm1(-rule.dt / tau)
    return rule.dt / tau


def gain(rule: Any, tau: float) -> float:
    """The factor of the input in one step: Euler's, or the fraction that decays."""
    return rule.dt / tau if rule.input_gain == "euler" else fraction(rule, tau)


def constant(arithmetic: Arithmetic, a: float) -> int:
    """The constant of the chip for a fraction: d of "multiply", the bits of "shift"."""
    if arithmetic.decay == "shift":
        return round(-math.log2(a))
    exact = a * (1 << arithmetic.decay_bits)
    if arithmetic.decay_value == "nearest":
        exact += 0.5
    # What is whole (or half) but for the rounding of a quotient counts as whole.
    return math.floor(exact + 2.0**-20)


def decay(arithmetic: Arithmetic, number: int, s: int) -> int:
    """A state after one step without input.

    Arguments:
        number: its constant, from `constant`.
    """
    if arithmetic.decay == "shift":
        lost = s >> number
        if lost == 0 and s != 0:
            lost = 1 if s > 0 else -1
        return s - lost
    bits = arithmetic.decay_bits
    return divided(s * ((1 << bits) - number), bits, arithmetic.decay_rounding)


def divided(p: int, bits: int, rounding: str) -> int:
    """p / 2^bits as a whole number."""
    if rounding == "down":
        return p >> bits
    size = abs(p)
    if rounding == "nearest":
        size += (1 << bits) >> 1
    size >>= bits
    return -size if p < 0 else size
