"""The rules of reproducible mode that are the same on every backend.

docs/reproducibility.md has the argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nirx.dynamics.functions import exponential, hyperbolic_tangent
from nirx.dynamics.ops import Array, ConvGeometry
from nirx.errors import UnsupportedError
from nirx.execution.sliced import SLICES, Sliced, SliceKernel, cut, dot, slice_bits

__all__ = ["SMALLEST", "Reproducible"]

SMALLEST: Mapping[str, float] = MappingProxyType({"float32": 2.0**-102, "float64": 2.0**-969})
"""B: a smaller magnitude counts as +0.

With every value 0 or at least B, the last place of a sum is at least B * 2**-23 (float32) or
B * 2**-52 (float64), a normal number. No sum is ever subnormal, so it does not matter whether
a backend flushes subnormals.
"""


def _without_sequence(name: str) -> UnsupportedError:
    return UnsupportedError(
        f"{name} has no fixed sequence of operations, so that reproducible mode has no bits for "
        "it; run it with reproducible=False, or write it with products, exp and tanh"
    )


_Base: Any = Any if TYPE_CHECKING else object  # always in front of a backend's Ops


class Reproducible(_Base):
    """Mixed in before a backend's `Ops`: `keep` on every result, sliced dot products.

    A backend sets `kernel` and `_smallest`, `_slices` (by `_set_dtype`), and overrides what its
    library does differently: `_keep`, `_wide`, `_exactly`, `_with_gradient`.
    """

    kernel: SliceKernel

    def _set_dtype(self, name: str) -> None:
        self._smallest, self._slices = SMALLEST[name], SLICES[name]

    def _keep(self, y: Array) -> Array:
        """+0 where |y| is below B, else y."""
        raise NotImplementedError

    def _wide(self, x: Array) -> Array:
        """The same numbers in float64, without gradient."""
        raise NotImplementedError

    def _exactly(self) -> AbstractContextManager[Any]:
        """The context in which slices are computed."""
        return nullcontext()

    def _holds_spikes(self, x: Array) -> bool:
        """Whether a look at the values shows nothing but 0 and 1; False where that costs more."""
        return False

    def _by_spikes(self, x: Array, way: Callable[[Array, bool], Array]) -> Array:
        """`way(x, whether x holds nothing but 0 and 1)`; the bits are the same either way."""
        return way(x, self._holds_spikes(x))

    def _with_gradient(
        self, x: Array, weight: Array, value: Array, plain: Callable[[Array, Array], Array]
    ) -> Array:
        """`value`, with the gradient of `plain(x, weight)`."""
        return value

    def _sliced(self, weight: Array, axes: tuple[int, ...], bits: int) -> Sliced:
        """The slices of a weight, as `cut` defines them."""
        return cut(self.kernel, self._wide(weight), axes, bits, self._slices)

    def _cut(
        self, weight: Array, axes: tuple[int, ...], prepare: Callable[[Array], Any]
    ) -> tuple[Array, Sliced]:
        """A weight and its slices; `prepare` makes operands of the plain product."""
        bits = slice_bits(math.prod([weight.shape[axis] for axis in axes]))
        with self._exactly():
            sliced = self._sliced(weight, axes, bits)
            return weight, replace(sliced, whole=tuple(map(prepare, sliced.merged())))

    def _dot(
        self,
        x: Array,
        prepared: tuple[Array, Sliced],
        axes: tuple[int, ...],
        plain: Callable[[Array, Array], Array],
        binary: bool,
    ) -> Array:
        """The sliced product in float64, made +0 below B, then rounded to the run's dtype.

        In this order a float32 result is 0 or normal, so it is rounded only once.
        """
        weight, sliced = prepared
        with self._exactly():

            def way(x: Array, binary: bool) -> Array:
                return dot(self.kernel, self._wide(x), sliced, axes, plain, binary)

            total = way(x, True) if binary else self._by_spikes(x, way)
            small = self.xp.abs(total) < self._smallest
            value = self.cast(self.xp.where(small, 0.0, total))
        return self._with_gradient(x, weight, value, plain)

    def constant(self, value: Any) -> Array:
        return self._keep(super().constant(value))

    def use(self, value: Array) -> Array:
        return self._keep(value)

    def add(self, a: Array, b: Array) -> Array:
        return self._keep(super().add(a, b))

    def sub(self, a: Array, b: Array) -> Array:
        return self._keep(super().sub(a, b))

    def mul(self, a: Array, b: Array) -> Array:
        return self._keep(super().mul(a, b))

    def div(self, a: Array, b: Array) -> Array:
        return self._keep(super().div(a, b))

    def floor(self, a: Array) -> Array:
        return self._keep(super().floor(a))

    def sqrt(self, a: Array) -> Array:
        return self._keep(super().sqrt(a))

    def exp(self, a: Array) -> Array:
        return exponential(self, a)

    def tanh(self, a: Array) -> Array:
        return hyperbolic_tangent(self, a)

    def log(self, a: Array) -> Array:
        raise _without_sequence("log")

    def power(self, a: Array, b: Array) -> Array:
        raise _without_sequence("power")

    def prepare_linear(self, weight: Array) -> Any:
        return self._cut(weight, (-1,), super().prepare_linear)

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        plain = super().linear
        return self._dot(x, prepared, (-1,), lambda a, b: plain(a, b, False), binary)

    def prepare_conv(self, weight: Array, geometry: ConvGeometry) -> Any:
        plain = super().prepare_conv
        axes = tuple(range(1, weight.ndim))
        return self._cut(weight, axes, lambda part: plain(part, geometry))

    def conv(self, x: Array, prepared: Any, geometry: ConvGeometry, binary: bool) -> Array:
        plain = super().conv
        axes = tuple(range(-1 - len(geometry.stride), 0))  # one scale per sample
        return self._dot(x, prepared, axes, lambda a, b: plain(a, b, geometry, False), binary)
