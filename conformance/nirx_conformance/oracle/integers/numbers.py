"""Whole numbers out of NIR's parameters, and nested lists in and out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

from nirx_conformance.oracle.node import Shape

Ints = list[int]
"""The values of one node in one step, in C order; its shape is known from the graph."""


def whole(value: float, what: str) -> int:
    """A parameter that must be a whole number, up to 1e-6 (relative above 1).

    **Raises**: `ValueError` if it is none.
    """
    nearest = round(value)
    if abs(value - nearest) > 1e-6 * max(1.0, abs(value)):
        raise ValueError(f"{what} is {value!r}; expected a whole number")
    return nearest


def shift(value: int, bits: int) -> int:
    """Shifted left, or right (rounding down) where bits is negative."""
    return value << bits if bits >= 0 else value >> -bits


def plain(value: Any) -> Any:
    """An array or a number as nested lists or a number of plain Python."""
    return value.tolist() if hasattr(value, "tolist") else value


def shape_of(nested: Any) -> Shape:
    """The shape of an array; the lengths of nested lists, which lose what follows a 0."""
    if hasattr(nested, "shape"):
        return tuple(int(n) for n in nested.shape)
    if not isinstance(nested, Sequence):
        return ()
    return (len(nested), *(shape_of(nested[0]) if len(nested) else ()))


def flat(nested: Any) -> list[Any]:
    """The leaves of nested lists in C order."""
    if not isinstance(nested, Sequence):
        return [nested]
    return [leaf for part in nested for leaf in flat(part)]


def nest(leaves: Sequence[Any], shape: Shape) -> Any:
    """The inverse of `flat`."""
    if not shape:
        return leaves[0]
    size = math.prod(shape[1:])
    return [nest(leaves[k * size : (k + 1) * size], shape[1:]) for k in range(shape[0])]


def spread(value: Any, shape: Shape) -> list[Any]:
    """A parameter broadcast to a shape, in C order."""
    value = plain(value)
    own = shape_of(value)
    leaves, spread_leaves = flat(value), []
    for place in product(*map(range, shape)):
        at = 0
        for size, k in zip(own, place[len(shape) - len(own) :], strict=True):
            at = at * size + (k if size > 1 else 0)
        spread_leaves.append(leaves[at])
    return spread_leaves
