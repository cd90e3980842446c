"""NumPy's `Ops`, in fast mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nirx.dynamics.ops import Array, ConvGeometry, Shape
from nirx.errors import InputError

__all__ = ["NumpyOps"]


class NumpyOps:
    """Operations on NumPy arrays of one dtype. There are no gradients here."""

    detach_reset = False

    def __init__(self, dtype: np.dtype):
        self.dtype = dtype

    def accept(self, value: Any, where: str) -> np.ndarray:
        try:
            array = np.asarray(value)
        except Exception as error:
            raise InputError(f"{where} is a {type(value).__name__}; expected an array") from error
        if array.dtype.kind not in "biuf":
            raise InputError(f"{where} has dtype {array.dtype}; expected {self.dtype}")
        if array.dtype.kind == "f" and array.dtype != self.dtype:
            raise InputError(
                f"{where} has dtype {array.dtype}, but the network runs in {self.dtype}; "
                f"convert it with .astype(numpy.{self.dtype}) or pass dtype= to from_nir"
            )
        return np.array(array, dtype=self.dtype)  # a copy: results never alias what came in

    def constant(self, value: Any) -> np.ndarray:
        return np.asarray(value, dtype=self.dtype)

    def zeros(self, shape: Shape) -> np.ndarray:
        return np.zeros(shape, self.dtype)

    def use(self, value: Array) -> Array:
        return value

    def add(self, a: Array, b: Array) -> Array:
        return np.add(a, b)

    def sub(self, a: Array, b: Array) -> Array:
        return np.subtract(a, b)

    def mul(self, a: Array, b: Array) -> Array:
        return np.multiply(a, b)

    def div(self, a: Array, b: Array) -> Array:
        return np.divide(a, b)

    def floor(self, a: Array) -> Array:
        return np.floor(a)

    def greater(self, a: Array, b: Array) -> Array:
        return np.greater(a, b).astype(self.dtype)

    def greater_equal(self, a: Array, b: Array) -> Array:
        return np.greater_equal(a, b).astype(self.dtype)

    def select(self, mask: Array, a: Array, b: Array) -> Array:
        return np.where(mask != 0, a, b)

    def with_surrogate(self, spikes: Array, v: Array, threshold: Array) -> Array:
        return spikes

    def stop_gradient(self, a: Array) -> Array:
        return a

    def copy(self, a: Array) -> Array:
        return np.array(a)

    def seal(self, a: Array) -> Array:
        return a

    def prepare_linear(self, weight: Array) -> Any:
        return weight

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        if prepared.ndim == 2:
            return np.matmul(x, prepared.T)
        return np.matmul(prepared, x[..., None])[..., 0]

    def prepare_conv(self, weight: Array, geometry: ConvGeometry) -> Any:
        return weight

    def conv(self, x: Array, prepared: Any, geometry: ConvGeometry, binary: bool) -> Array:
        axes = len(geometry.stride)
        lead = x.shape[: x.ndim - 1 - axes]
        x = self.pad(x.reshape((-1, *x.shape[len(lead) :])), geometry.padding)
        patches = _patches(x, prepared.shape[2:], geometry)  # [N, C_in, *places, *kernel]
        per_group = prepared.shape[1]
        out_per_group = prepared.shape[0] // geometry.groups
        contracted = [1, *range(2 + axes, 2 + 2 * axes)]
        parts = []
        for g in range(geometry.groups):
            own = patches[:, g * per_group : (g + 1) * per_group]
            weight = prepared[g * out_per_group : (g + 1) * out_per_group]
            y = np.tensordot(own, weight, (contracted, [1, *range(2, 2 + axes)]))
            parts.append(np.moveaxis(y, -1, 1))
        y = np.concatenate(parts, axis=1)
        return y.reshape((*lead, *y.shape[1:]))

    def pad(self, x: Array, padding: Sequence[tuple[int, int]]) -> Array:
        return np.pad(x, [(0, 0)] * (x.ndim - len(padding)) + [tuple(p) for p in padding])

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        return np.concatenate(arrays)

    def moveaxis(self, x: Array, source: int, destination: int) -> Array:
        return np.moveaxis(x, source, destination)

    def take_along_time(self, x: Array, index: Any) -> Array:
        return np.take_along_axis(x, index, axis=0)

    def scan(
        self,
        step: Callable[[Any, list[Array]], tuple[Any, list[Array]]],
        carry: Any,
        xs: list[Array],
        length: int,
    ) -> tuple[Any, list[Array]]:
        rows = []
        for t in range(length):
            carry, out = step(carry, [x[t] for x in xs])
            rows.append(out)
        return carry, [np.stack(column) for column in zip(*rows, strict=True)]

    def scan_chunks(
        self,
        body: Callable[[Any, list[Array]], tuple[Any, list[Array]]],
        carry: Any,
        xs: list[Array],
        length: int,
        chunk: int,
    ) -> tuple[Any, list[Array]]:
        rows = []
        for start in range(0, length, chunk):
            carry, out = body(carry, [x[start : start + chunk] for x in xs])
            rows.append(out)
        return carry, [np.concatenate(column) for column in zip(*rows, strict=True)]


def _patches(x: np.ndarray, kernel: Shape, geometry: ConvGeometry) -> np.ndarray:
    axes = tuple(range(2, 2 + len(kernel)))
    spans = tuple(d * (k - 1) + 1 for d, k in zip(geometry.dilation, kernel, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(x, spans, axis=axes)  # type: ignore[call-overload]
    places = tuple(slice(None, None, s) for s in geometry.stride)
    taps = tuple(slice(None, None, d) for d in geometry.dilation)
    return view[(slice(None), slice(None), *places, *taps)]
