"""Slices of matrices, in kernels. They follow `nirx.execution.sliced.cut` step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nirx.dynamics.ops import Array
from nirx.execution.kernels.running import run_kernel
from nirx.execution.numpy_slices import NumpyKernel
from nirx.execution.reproducible import Reproducible
from nirx.execution.sliced import Sliced, scaling

__all__ = ["CuttingReproducible", "RowScales", "cut_rows", "cutting", "row_scales"]

WORTH_IT = 2**12
"""Elements of a weight below which the backend's operations are as fast."""

ROWS = 8
"""Rows that are cut together: their numbers fill a line of the cache."""
LARGEST = """
def kernel(u, mask, largest, r0, r1):
    for r in range(r0, r1):
        found = largest[r]
        for k in range(u.shape[1]):
            found = max(found, u[r, k] & mask[0])
        largest[r] = found
"""
"""The largest magnitude of every row. Bits without the sign compare as magnitudes do, and those of
infinity and NaN are above all others."""


@dataclass(frozen=True)
class RowScales:
    """How the rows of a matrix are scaled, each [rows] in float64.

    Arguments:
        up, more: two factors, whose product is 2**(bits - exponent).
        exponent, finite: as in `Sliced`; 1.0 for finite.
    """

    up: np.ndarray
    more: np.ndarray
    exponent: np.ndarray
    finite: np.ndarray


def row_scales(x: np.ndarray, bits: int) -> RowScales:
    """The scales of the rows of a contiguous matrix."""
    kind = np.dtype(f"u{x.itemsize}")
    largest = np.zeros(len(x), kind)
    mask = np.array([np.iinfo(kind).max >> 1], kind)
    run_kernel(LARGEST, (x.view(kind), mask, largest), len(x), x.size)
    wide = largest.view(x.dtype).astype(np.float64)
    finite, exponent, factors = scaling(NumpyKernel(), wide, bits)
    return RowScales(*factors, exponent, finite.astype(np.float64))


def cutting(x: str, row: str, slices: list[str], bits: int) -> list[str]:
    """Lines that cut one number.

    Arguments:
        x: the text of the number.
        row: that of its row, in `up`, `more` and `fx`, the parts of `RowScales`.
        slices: the text of each slice.
    """
    lines = [f"v = np.float64({x}) if fx[{row}] != 0 else 0.0", f"v = v * up[{row}] * more[{row}]"]
    for part in slices:
        lines += ["q = np.rint(v)", f"{part} = q", f"v = (v - q) * {2.0**bits!r}"]
    return lines


@lru_cache(maxsize=64)
def _source(count: int, bits: int) -> str:
    """The text of the kernel: x, the scales, the slices, the last two as one, each transposed, and
    the range of blocks of rows."""
    parts = [f"q{i}" for i in range(count)]
    each = cutting("x[r, k]", "r", [f"{part}[k, r]" for part in parts], bits)
    return "\n".join(
        [
            f"def kernel(x, up, more, fx, {', '.join(parts)}, low, b0, b1):",
            "    rows = np.uint64(x.shape[0])",
            "    for block in range(b0, b1):",
            f"        first = block * np.uint64({ROWS})",
            f"        last = min(first + np.uint64({ROWS}), rows)",
            "        for k in range(x.shape[1]):",
            "            for r in range(first, last):",
            *(f"                {line}" for line in each),
            f"                low[k, r] = {parts[-2]}[k, r] * {2.0**bits!r} + {parts[-1]}[k, r]",
            "",
        ]
    )


def cut_rows(x: np.ndarray, bits: int, count: int) -> Sliced:
    """Slice an array whose first axis counts rows; the sums run over all others."""
    flat = np.require(x, requirements=["C", "W"]).reshape(len(x), -1)
    scales = row_scales(flat, bits)
    # As products read them: input by input.
    columns = [np.empty(flat.shape[::-1]) for _ in range(count + 1)]
    arrays = [flat, scales.up, scales.more, scales.finite, *columns]
    run_kernel(_source(count, bits), arrays, -(-len(flat) // ROWS), flat.size * count)
    one = (len(x), *[1] * (x.ndim - 1))
    finite = (scales.finite != 0).reshape(one)
    *parts, low = (own.T.reshape(x.shape) for own in columns)
    return Sliced(tuple(parts), scales.exponent.reshape(one), finite, bits, low=low)


class CuttingReproducible(Reproducible):
    """`Reproducible` for a backend whose weights a kernel may read."""

    def _sliced(self, weight: Array, axes: tuple[int, ...], bits: int) -> Sliced:
        rows = tuple(axis % weight.ndim for axis in axes) == tuple(range(1, weight.ndim))
        worth_it = rows and math.prod(weight.shape) >= WORTH_IT
        host = self.lend_weight(weight) if self.gathers and worth_it else None
        if host is None:
            return super()._sliced(weight, axes, bits)
        own, give = cut_rows(host, bits, self._slices), self.give
        parts = tuple(map(give, own.parts))
        return Sliced(parts, give(own.exponent), give(own.finite), bits, low=give(own.low))
