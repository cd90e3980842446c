"""NumPy's `Ops`, in fast mode."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.dynamics.ops import Array, ConvGeometry, Shape
from nirx.errors import InputError
from nirx.execution.array_ops import Step
from nirx.execution.kernels.gathering import GatheringOps

__all__ = ["NumpyOps"]


class NumpyOps(GatheringOps):
    """Operations on NumPy arrays of one dtype. NumPy has no gradients."""

    xp = np
    rare_taps = 0.3
    copies = False
    """Whether what comes in is copied: for users' modules, which may write into their input."""
    has_kernels = False
    """Whether kernels run beside these operations, which may also look at numbers quickly."""

    def __init__(self, dtype: np.dtype, gathers: bool = False):
        self.dtype, self.gathers = dtype, gathers

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
        return np.array(array, dtype=self.dtype, copy=self.copies or None)

    def constant(self, value: Any) -> np.ndarray:
        return np.asarray(value, dtype=self.dtype)

    def zeros(self, shape: Shape) -> np.ndarray:
        return np.zeros(shape, self.dtype)

    def cast(self, array: Array) -> Array:
        return array.astype(self.dtype)

    def copy(self, a: Array) -> Array:
        return np.array(a)

    def lend(self, array: Array) -> np.ndarray | None:
        return array

    def give(self, array: np.ndarray) -> Array:
        return array

    def slide(self, x: Array, weight: Array, geometry: ConvGeometry) -> Array:
        axes = len(geometry.stride)
        x = self.pad(x, geometry.padding)
        patches = _patches(x, weight.shape[2:], geometry)  # [N, C_in, *places, *kernel]
        per_group = weight.shape[1]
        out_per_group = weight.shape[0] // geometry.groups
        contracted = [1, *range(2 + axes, 2 + 2 * axes)]
        parts = []
        for g in range(geometry.groups):
            own = patches[:, g * per_group : (g + 1) * per_group]
            part = weight[g * out_per_group : (g + 1) * out_per_group]
            y = np.tensordot(own, part, (contracted, [1, *range(2, 2 + axes)]))
            parts.append(np.moveaxis(y, -1, 1))
        return np.concatenate(parts, axis=1)

    def scan_chunks(
        self, body: Step, carry: Any, xs: list[Array], length: int, chunk: int
    ) -> tuple[Any, list[Array]]:
        carry, outs = super().scan_chunks(body, carry, xs, length, chunk)
        # One chunk is not joined, so an output and its recording are one array until here.
        return carry, [np.array(y) for y in outs] if length <= chunk else outs


def _patches(x: np.ndarray, kernel: Shape, geometry: ConvGeometry) -> np.ndarray:
    axes = tuple(range(2, 2 + len(kernel)))
    spans = tuple(d * (k - 1) + 1 for d, k in zip(geometry.dilation, kernel, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(x, spans, axis=axes)  # type: ignore[call-overload]
    places = tuple(slice(None, None, s) for s in geometry.stride)
    taps = tuple(slice(None, None, d) for d in geometry.dilation)
    return view[(slice(None), slice(None), *places, *taps)]
