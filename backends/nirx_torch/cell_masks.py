"""Comparisons in a cell: masks that select, or spikes where they are used as numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nirx.dynamics import formula as f
from nirx.dynamics.expression import NotElementwise
from nirx.dynamics.formula import Formula

__all__ = [
    "Mask",
    "as_mask",
    "at_least",
    "equal",
    "greater",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "only_masks",
]


class Mask:
    """A value that is true or false.

    A comparison that is used as a number is a spike: it has the surrogate's gradient. One that
    only selects has none.

    Arguments:
        value: 1 or 0.
        spikes: the same with the surrogate; None where there is none.
    """

    def __init__(self, value: Formula, spikes: Callable[[], Formula] | None = None):
        self.value = value
        self.spikes = spikes or (lambda: value)


def _above(name: str) -> Callable[..., Mask]:
    """a > b or a >= b."""

    def compare(at: Any, a: Any, b: Any) -> Mask:
        a, b = at.number(a), at.number(b)
        value = a.made(name, a, b)
        return Mask(value, lambda: a.made("spike", value, a, b))

    return compare


greater, at_least = _above("greater"), _above("greater_equal")


def equal(at: Any, a: Any, b: Any) -> Mask:
    a, b = at.number(a), at.number(b)
    return Mask((a >= b) * (b >= a))


def logical_not(at: Any, a: Any) -> Mask:
    mask = as_mask(at, a)
    return Mask(f.where(mask.value, 0.0, 1.0), lambda: 1.0 - mask.spikes())


def logical_and(at: Any, a: Any, b: Any) -> Mask:
    left, right = as_mask(at, a), as_mask(at, b)
    return Mask(left.value * right.value, lambda: left.spikes() * right.spikes())


def logical_or(at: Any, a: Any, b: Any) -> Mask:
    return logical_not(at, logical_and(at, logical_not(at, a), logical_not(at, b)))


def logical_xor(at: Any, a: Any, b: Any) -> Mask:
    return logical_and(at, logical_or(at, a, b), logical_not(at, logical_and(at, a, b)))


def as_mask(at: Any, a: Any) -> Mask:
    """Whether a value is not 0."""
    if isinstance(a, Mask):
        return a
    return Mask(f.where(equal(at, a, 0.0).value, 0.0, 1.0))


def only_masks(operation: Callable[..., Mask]) -> Callable[..., Mask]:
    """&, | and ^ on numbers work on bits."""

    def checked(at: Any, *operands: Any) -> Mask:
        if not all(isinstance(o, Mask | bool) for o in operands):
            raise NotElementwise("bits of whole numbers")
        return operation(at, *operands)

    return checked
