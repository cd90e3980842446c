"""NumPy's `Ops` in reproducible mode: the same bits as every other backend."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nirx.dynamics.ops import Array
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.reproducible import SMALLEST, Reproducible
from nirx.execution.sliced import SLICES, Sliced, cut, dot, slice_bits

__all__ = ["NumpyKernel", "ReproducibleNumpyOps"]


class NumpyKernel:
    """See `nirx.execution.sliced.SliceKernel`."""

    def max_abs(self, x: Array, axes: tuple[int, ...]) -> Array:
        return np.max(np.abs(x), axis=axes, keepdims=True, initial=0.0)

    def exponent(self, m: Array) -> Array:
        bits = np.ascontiguousarray(m).view(np.int64)
        return np.where(m > 0, ((bits >> 52) - 1022).astype(np.float64), 0.0)

    def power(self, n: Array) -> Array:
        return ((np.asarray(n).astype(np.int64) + 1023) << 52).view(np.float64)

    def rint(self, x: Array) -> Array:
        return np.rint(x)

    def finite(self, m: Array) -> Array:
        return np.isfinite(m)

    def where(self, mask: Array, a: Any, b: Any) -> Array:
        return np.where(mask, a, b)


KERNEL = NumpyKernel()


class ReproducibleNumpyOps(Reproducible, NumpyOps):
    """See `nirx.execution.reproducible.Reproducible`."""

    def __init__(self, dtype: np.dtype):
        super().__init__(dtype)
        self._smallest = np.asarray(SMALLEST[dtype.name], dtype)
        self._slices = SLICES[dtype.name]

    def _keep(self, y: Array) -> Array:
        return np.where(np.abs(y) < self._smallest, np.zeros((), self.dtype), y)

    def _cut(self, weight: Array, axes: tuple[int, ...]) -> Sliced:
        length = math.prod([weight.shape[axis] for axis in axes])
        return cut(KERNEL, weight.astype(np.float64), axes, slice_bits(length), self._slices)

    def _dot(
        self,
        x: Array,
        prepared: Any,
        axes: tuple[int, ...],
        plain: Callable[[Array, Array], Array],
        binary: bool,
    ) -> Array:
        binary = binary or is_binary(x)
        total = dot(KERNEL, x.astype(np.float64), prepared, axes, plain, binary)
        return np.where(np.abs(total) < self._smallest, 0.0, total).astype(self.dtype)


def is_binary(x: Array) -> bool:
    """Whether an array holds nothing but 0 and 1."""
    return bool(((x == 0) | (x == 1)).all())
