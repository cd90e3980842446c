"""Convolutions, pools and Flatten: every geometry that a small feature shape allows."""

from __future__ import annotations

import math
from typing import Any

import nir
import numpy as np

from nirx_conformance.strategies.arrays import MOST_ELEMENTS, Shape, stored, weights
from nirx_conformance.strategies.draw import Draw


def places(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> int:
    """The number of positions of a kernel along an axis; 0 or less if it does not fit."""
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1


def convolution(draw: Draw, shape: Shape) -> tuple[Any, Shape]:
    """A Conv1d for (channels, length) or a Conv2d for (channels, height, width)."""
    channels, *space = shape
    groups = draw.choice([g for g in (1, 1, 1, 2, 3, 4) if channels % g == 0])
    padding: Any = draw.choice(["number", "number", "same", "valid"])
    kernel, stride, dilation, zeros, out = [], [], [], [], []
    for size in space:
        k, d = draw.integer(1, 3), draw.choice([1, 1, 2])
        s = 1 if padding == "same" else draw.choice([1, 1, 2, 3])
        p = draw.integer(0, 2) if padding == "number" else 0
        if padding != "same" and places(size, k, s, d, p, p) < 1:
            k, d = 1, 1
        kernel.append(k)
        dilation.append(d)
        stride.append(s)
        zeros.append(p)
        out.append(size if padding == "same" else places(size, k, s, d, p, p))
    most = max(1, MOST_ELEMENTS // (math.prod(out) * groups))
    channels_out = groups * draw.integer(1, min(most, 3))
    fan_in = channels // groups * math.prod(kernel)
    weight = weights(draw, (channels_out, channels // groups, *kernel), fan_in)
    bias = stored(draw, draw.uniform((channels_out,), -0.1, 0.3))
    padding = zeros if padding == "number" else padding
    # input_shape stays None: NIR's constructor computes wrong shapes for grouped and for
    # non-square convolutions.
    if len(space) == 1:
        padding = padding if isinstance(padding, str) else padding[0]
        node = nir.Conv1d(None, weight, stride[0], padding, dilation[0], groups, bias)
    else:
        padding = padding if isinstance(padding, str) else _int_or_pair(draw, padding)
        node = nir.Conv2d(
            None,
            weight,
            _int_or_pair(draw, stride),
            padding,
            _int_or_pair(draw, dilation),
            groups,
            bias,
        )
    return node, (channels_out, *out)


def _int_or_pair(draw: Draw, numbers: list[int]) -> Any:
    if numbers[0] == numbers[1] and draw.chance(0.5):
        return numbers[0]
    return (numbers[0], numbers[1])


def pool(draw: Draw, shape: Shape) -> tuple[Any, Shape]:
    """A SumPool2d or AvgPool2d; windows may overlap, leave a remainder, or include padding."""
    channels, *space = shape
    kernel, stride, zeros, out = [], [], [], []
    for size in space:
        k = draw.integer(1, 3)
        p = draw.integer(0, k // 2)
        if size + 2 * p < k:
            k, p = 1, 0
        s = draw.integer(1, 3)
        n = places(size, k, s, 1, p, p)
        for numbers, number in ((kernel, k), (stride, s), (zeros, p), (out, n)):
            numbers.append(number)
    kind = draw.choice([nir.SumPool2d, nir.AvgPool2d])
    node = kind(np.array(kernel), np.array(stride), np.array(zeros))
    return node, (channels, *out)


def flatten(draw: Draw, shape: Shape) -> tuple[Any, Shape]:
    """A Flatten of all or some axes, with or without a declared input, counted from either end."""
    axes = len(shape)
    declared: Any = None
    if not axes:
        return nir.Flatten(declared, 0, -1), (1,)
    first = 0 if draw.chance(0.6) else draw.integer(0, axes - 1)
    last = axes - 1 if draw.chance(0.6) else draw.integer(first, axes - 1)
    out = (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
    if draw.chance(0.4):
        declared = np.array(shape)
        return nir.Flatten(declared, first, last if last < axes - 1 else -1), out
    start = first - axes if draw.chance(0.3) else first
    end = last - axes if draw.chance(0.5) else last
    return nir.Flatten(declared, start, end), out
