"""NumPy's `Ops` in reproducible mode: the same bits as every other backend."""

from __future__ import annotations

import numpy as np

from nirx.dynamics.ops import Array
from nirx.execution.kernels.cutting import CuttingReproducible
from nirx.execution.kernels.flush import WORTH_IT, needs_flush
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.numpy_slices import NumpyKernel, holds_spikes

__all__ = ["ReproducibleNumpyOps"]


class ReproducibleNumpyOps(CuttingReproducible, NumpyOps):
    """See `nirx.execution.reproducible.Reproducible`."""

    kernel = NumpyKernel()

    def __init__(self, dtype: np.dtype, gathers: bool = False):
        super().__init__(dtype, gathers)
        self._set_dtype(dtype.name)

    def _keep(self, y: Array) -> Array:
        if self.has_kernels and y.size >= WORTH_IT and y.flags.c_contiguous and not needs_flush(y):
            return y
        return np.where(np.abs(y) < self._smallest, np.zeros((), self.dtype), y)

    def _wide(self, x: Array) -> Array:
        return x.astype(np.float64)

    def _holds_spikes(self, x: Array) -> bool:
        return holds_spikes(x)
