"""NumPy's `Ops` in reproducible mode: the same bits as every other backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.dynamics.ops import Array
from nirx.execution.kernels.flush import WORTH_IT, needs_flush
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.reproducible import Reproducible

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


class ReproducibleNumpyOps(Reproducible, NumpyOps):
    """See `nirx.execution.reproducible.Reproducible`."""

    kernel = NumpyKernel()

    def __init__(self, dtype: np.dtype, gathers: bool = False):
        super().__init__(dtype, gathers)
        self._set_dtype(dtype.name)

    def _keep(self, y: Array) -> Array:
        if self.gathers and y.size >= WORTH_IT and y.flags.c_contiguous and not needs_flush(y):
            return y
        return np.where(np.abs(y) < self._smallest, np.zeros((), self.dtype), y)

    def _wide(self, x: Array) -> Array:
        return x.astype(np.float64)

    def _holds_spikes(self, x: Array) -> bool:
        return bool(((x == 0) | (x == 1)).all())
