"""The membrane potential of one neuron: its leak, its width, its first value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from nirx_conformance.oracle.integers.arithmetic import Arithmetic
from nirx_conformance.oracle.integers.decay import constant, decay, fraction, gain
from nirx_conformance.oracle.integers.numbers import whole
from nirx_conformance.oracle.integers.overflow import over


class Settled(NamedTuple):
    """A membrane potential that fits, and whether the rule of overflow changed it (0 or 1)."""

    v: int
    overflowed: int


Update = Callable[[int, int], Settled]
"""v after the leak and the input: of v before, and of the input."""


def settle(arithmetic: Arithmetic, v: int) -> Settled:
    """v within its bits, then not below `membrane_lowest`."""
    fits = over(v, arithmetic.membrane_bits, arithmetic.membrane_overflow, arithmetic.limits)
    low = arithmetic.membrane_lowest
    return Settled(fits if low is None else max(fits, low), int(fits != v))


def leaky(arithmetic: Arithmetic, rule: Any, tau: float, r: float, v_leak: float) -> Update:
    """v' = decay(v) + g * x + l."""
    a = fraction(rule, tau)
    number = constant(arithmetic, a)
    g = whole(r * gain(rule, tau), "the gain of the membrane's input")
    unit = 1 << arithmetic.bias_shift
    l = whole(v_leak * a / unit, "the constant of the leak") * unit  # noqa: E741

    def update(v: int, x: int) -> Settled:
        rest = decay(arithmetic, number, v)
        if arithmetic.membrane_change == "exact":
            return settle(arithmetic, rest + g * x + l)
        return changed(arithmetic, v, [rest - v, g * x, l])

    return update


def integrating(arithmetic: Arithmetic, rule: Any, r: float) -> Update:
    """v' = v + g * x."""
    g = whole(rule.dt * r, "the gain of the membrane's input")

    def update(v: int, x: int) -> Settled:
        return settle(arithmetic, v + g * x)

    return update


def changed(arithmetic: Arithmetic, v: int, terms: list[int]) -> Settled:
    """v plus a change that is itself as wide as v, and saturates after every term."""
    change = 0
    for term in terms:
        change = over(
            change + term, arithmetic.membrane_bits, arithmetic.membrane_overflow, arithmetic.limits
        )
    settled = settle(arithmetic, v + change)
    return Settled(settled.v, int(settled.overflowed or change != sum(terms)))


def first_v(rule: Any, v_leak: float) -> int:
    """The membrane potential before the first step."""
    if rule.initial_v == "zero" or math.isclose(v_leak, 0.0):
        return 0
    return whole(v_leak, "v_leak")
