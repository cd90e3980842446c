"""Strides, paddings and kernels as NIR files store them: integers, pairs or arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.dynamics.parameters import NodeMismatch

__all__ = ["MOST_ELEMENTS", "integer", "integers", "windows"]

MOST_ELEMENTS = 2**31
"""Limit for one sample: a file can declare any shape without holding an array of it."""


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


def windows(
    space: Shape,
    kernel: Shape,
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
) -> Shape:
    """Number of kernel positions along each axis (floor mode).

    **Raises**: `NodeMismatch` if the kernel is larger than the padded input, and for more than
    `MOST_ELEMENTS` positions.
    """
    counts = []
    for size, k, s, (before, after), d in zip(
        space, kernel, stride, padding, dilation, strict=True
    ):
        room = size + before + after - d * (k - 1) - 1
        if room < 0:
            raise NodeMismatch(
                f"the kernel spans {d * (k - 1) + 1}, but the input with its padding only "
                f"{size + before + after}",
                "a kernel that fits into the input",
            )
        counts.append(room // s + 1)
    if math.prod(counts) > MOST_ELEMENTS:
        raise NodeMismatch(f"the kernel has {counts} positions", f"at most {MOST_ELEMENTS}")
    return tuple(counts)
