"""Mutants of the array operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nirx.dynamics.ops import Array, ConvGeometry
from nirx.execution.backend import Prepared
from nirx.execution.numpy_ops import NumpyOps
from nirx_conformance.cases import in_dtype
from nirx_conformance.mutants.mutant import Request, on_ops, on_prepare


def _in_float32(request: Request, back: bool) -> Prepared:
    wanted, request.dtype = request.dtype, "float32"
    run = request.run()

    def narrow(inputs: Any, state: Any = None, record: Any = ()) -> tuple[Any, Any, Any]:
        found = run(in_dtype(inputs, "float32"), in_dtype(state, "float32"), record)
        return in_dtype(found, wanted) if back else found

    return narrow


@on_prepare
def float32_for_float64(request: Request) -> Prepared:
    """Everything is float32, including the results."""
    return _in_float32(request, back=False)


@on_prepare
def float32_inside(request: Request) -> Prepared:
    """Everything is computed in float32; the results are cast to float64."""
    return _in_float32(request, back=True)


@on_ops
class NanSwallowed(NumpyOps):
    """A NaN sum is replaced by 0."""

    def add(self, a: Array, b: Array) -> Array:
        y = super().add(a, b)
        return np.where(np.isnan(y), self.constant(0.0), y)


@on_ops
class NanSpikes(NumpyOps):
    """A neuron spikes unless v <= v_threshold, so NaN spikes."""

    def greater(self, a: Array, b: Array) -> Array:
        return np.logical_not(np.less_equal(a, b)).astype(self.dtype)


@on_ops
class InfinityClipped(NumpyOps):
    """Infinite sums become the largest finite number."""

    def add(self, a: Array, b: Array) -> Array:
        largest = np.finfo(self.dtype).max
        return np.clip(super().add(a, b), -largest, largest)


@on_ops
class MagnitudeClipped(NumpyOps):
    """Products are clipped to a magnitude of 1e6."""

    def mul(self, a: Array, b: Array) -> Array:
        return np.clip(super().mul(a, b), self.constant(-1e6), self.constant(1e6))


@on_ops
class SmallNumbersFlushed(NumpyOps):
    """Products below 1e-6 are flushed to 0."""

    def mul(self, a: Array, b: Array) -> Array:
        y = super().mul(a, b)
        return np.where(np.abs(y) < 1e-6, self.constant(0.0), y)


@on_ops
class SmallestNumbersKept(NumpyOps):
    """The reproducible mode does not flush the smallest numbers to 0."""

    def _keep(self, y: Array) -> Array:
        return y


@on_ops
class PlainDotProducts(NumpyOps):
    """The reproducible mode sums dot products in the library's order."""

    def prepare_linear(self, weight: Array) -> Any:
        return weight

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        return NumpyOps.linear(self, x, prepared, binary)


@on_ops
class PlainConvolutions(NumpyOps):
    """The reproducible mode sums convolutions in the library's order."""

    def prepare_conv(self, weight: Array, geometry: ConvGeometry) -> Any:
        return weight

    def conv(self, x: Array, prepared: Any, geometry: ConvGeometry, binary: bool) -> Array:
        return NumpyOps.conv(self, x, prepared, geometry, binary)


@on_ops
class PaddingRepeatsTheEdge(NumpyOps):
    """Padding repeats the outermost elements instead of adding zeros."""

    def pad(self, x: Array, padding: Sequence[tuple[int, int]]) -> Array:
        return np.pad(x, [(0, 0)] * (x.ndim - len(padding)) + list(padding), mode="edge")
