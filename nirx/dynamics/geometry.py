"""Strides, paddings and kernels as NIR files store them: integers, pairs or arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.dynamics.parameters import NodeMismatch

__all__ = ["MOST_ELEMENTS", "Sides", "integer", "integers", "padded", "windows"]

MOST_ELEMENTS = 2**31
"""Limit for one sample: a file can declare any shape without holding an array of it."""
Sides = tuple[tuple[int, int], ...]
"""Zeros before and after the values, along each axis."""


def integers(node: Any, name: str, count: int, least: int) -> tuple[int, ...]:
    """An attribute as `count` integers, each at least `least`; a single number counts for all axes.

    **Raises**: `NodeMismatch` for anything else.
    """
    value = getattr(node, name, None)
    try:
        array = np.asarray(value)
        good = array.dtype.kind in "iuf" and array.size in (1, count)
        numbers = [int(n) for n in array.reshape(-1)] if good else []
        good = good and all(n == m for n, m in zip(numbers, array.reshape(-1), strict=True))
    except (TypeError, ValueError, OverflowError):
        numbers, good = [], False
    if not good or min(numbers) < least:
        each = f"an integer >= {least}" + (f", or {count} of them" if count > 1 else "")
        raise NodeMismatch(f"{name} is {value!r}", each)
    return tuple(numbers * count if len(numbers) == 1 else numbers)


def integer(node: Any, name: str, least: int) -> int:
    """An attribute as one integer."""
    return integers(node, name, 1, least)[0]


def padded(space: Shape, padding: Sides) -> Shape:
    """The lengths of the axes with their padding."""
    return tuple(n + before + after for n, (before, after) in zip(space, padding, strict=True))


def windows(
    space: Shape,
    kernel: Shape,
    stride: tuple[int, ...],
    padding: Sides,
    dilation: tuple[int, ...],
) -> Shape:
    """Number of kernel positions along each axis (floor mode).

    **Raises**: `NodeMismatch` if the kernel is larger than the padded input, and if that has more
    than `MOST_ELEMENTS` places.
    """
    counts, sizes = [], padded(space, padding)
    for size, k, s, d in zip(sizes, kernel, stride, dilation, strict=True):
        room = size - d * (k - 1) - 1
        if room < 0:
            raise NodeMismatch(
                f"the kernel spans {d * (k - 1) + 1}, but the input with its padding only {size}",
                "a kernel that fits into the input",
            )
        counts.append(room // s + 1)
    if math.prod(sizes) > MOST_ELEMENTS:
        raise NodeMismatch(
            f"the input with its padding has shape {sizes}",
            f"at most {MOST_ELEMENTS} places",
            "reduce the padding",
        )
    return tuple(counts)
