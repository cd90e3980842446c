"""NumPy's `Ops` in reproducible mode: the same bits as every other backend."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nirx.numpy_ops import NumpyOps
from nirx.ops import Array, ConvGeometry
from nirx.reproducible import SMALLEST
from nirx.sliced import SLICES, Sliced, cut, dot, slice_bits

__all__ = ["NumpyKernel", "ReproducibleNumpyOps"]


class NumpyKernel:
    """See `nirx.sliced.SliceKernel`."""

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


class ReproducibleNumpyOps(NumpyOps):
    """Every result goes through `keep`; dot products and convolutions are sliced."""

    def __init__(self, dtype: np.dtype):
        super().__init__(dtype)
        self._smallest = np.asarray(SMALLEST[dtype.name], dtype)
        self._slices = SLICES[dtype.name]

    def _keep(self, y: Array) -> Array:
        return np.where(np.abs(y) < self._smallest, self._zero, y)

    @property
    def _zero(self) -> Array:
        return np.zeros((), self.dtype)

    def constant(self, value: Any) -> np.ndarray:
        return self._keep(super().constant(value))

    def use(self, value: Array) -> Array:
        return self._keep(value)

    def add(self, a: Array, b: Array) -> Array:
        return self._keep(np.add(a, b))

    def sub(self, a: Array, b: Array) -> Array:
        return self._keep(np.subtract(a, b))

    def mul(self, a: Array, b: Array) -> Array:
        return self._keep(np.multiply(a, b))

    def div(self, a: Array, b: Array) -> Array:
        return self._keep(np.divide(a, b))

    def floor(self, a: Array) -> Array:
        return self._keep(np.floor(a))

    def _narrow(self, total: Array) -> Array:
        # keep in float64 first: a float32 result is then 0 or normal, so rounding is exact.
        return np.where(np.abs(total) < self._smallest, 0.0, total).astype(self.dtype)

    def _cut(self, weight: Array, axes: tuple[int, ...]) -> Sliced:
        length = math.prod(weight.shape[axis] for axis in axes)
        return cut(KERNEL, weight.astype(np.float64), axes, slice_bits(length), self._slices)

    def prepare_linear(self, weight: Array) -> Any:
        return self._cut(weight, (-1,))

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        plain = super().linear
        return self._narrow(
            dot(
                KERNEL,
                x.astype(np.float64),
                prepared,
                (-1,),
                lambda a, b: plain(a, b, False),
                binary or is_binary(x),
            )
        )

    def prepare_conv(self, weight: Array, geometry: ConvGeometry) -> Any:
        return self._cut(weight, tuple(range(1, weight.ndim)))

    def conv(self, x: Array, prepared: Any, geometry: ConvGeometry, binary: bool) -> Array:
        plain = super().conv
        axes = tuple(range(-1 - len(geometry.stride), 0))
        return self._narrow(
            dot(
                KERNEL,
                x.astype(np.float64),
                prepared,
                axes,
                lambda a, b: plain(a, b, geometry, False),
                binary or is_binary(x),
            )
        )


def is_binary(x: Array) -> bool:
    """Whether an array holds nothing but 0 and 1."""
    return bool(((x == 0) | (x == 1)).all())
