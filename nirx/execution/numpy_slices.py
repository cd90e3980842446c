"""What slicing needs, on NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.dynamics.ops import Array

__all__ = ["NumpyKernel", "holds_spikes"]


def holds_spikes(x: np.ndarray) -> bool:
    """Whether an array holds nothing but 0 and 1."""
    return bool(((x == 0) | (x == 1)).all())


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
