"""The rules of the reproducible mode that are the same for every backend.

docs/reproducibility.md has the argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nirx.dynamics.ops import Array, ConvGeometry

__all__ = ["SMALLEST", "Reproducible"]

SMALLEST: Mapping[str, float] = MappingProxyType({"float32": 2.0**-102, "float64": 2.0**-969})
"""B: what is smaller in magnitude counts as +0.

With every value 0 or at least B, the last place of a sum is at least B * 2**-23 (float32) or
B * 2**-52 (float64), a normal number: no sum is ever subnormal, so it does not matter who
flushes subnormals and who does not.
"""

_Base: Any = Any if TYPE_CHECKING else object  # in use always a backend's Ops


class Reproducible(_Base):
    """Put before a backend's `Ops` among the bases: every result goes through `keep`, and dot
    products and convolutions are sliced.

    A backend adds `_keep`, `_cut` and `_dot`.
    """

    def _keep(self, y: Array) -> Array:
        """+0 where |y| is below B, else y."""
        raise NotImplementedError

    def _cut(self, weight: Array, axes: tuple[int, ...]) -> Any:
        """A weight's slices (`nirx.execution.sliced.cut`), and what else `_dot` wants of it."""
        raise NotImplementedError

    def _dot(
        self,
        x: Array,
        prepared: Any,
        axes: tuple[int, ...],
        plain: Callable[[Array, Array], Array],
        binary: bool,
    ) -> Array:
        """`nirx.execution.sliced.dot` in float64, made +0 below B, then rounded to the run's dtype.

        In this order a float32 result is 0 or normal, so that one rounding is all there is.
        """
        raise NotImplementedError

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

    def prepare_linear(self, weight: Array) -> Any:
        return self._cut(weight, (-1,))

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        plain = super().linear
        return self._dot(x, prepared, (-1,), lambda a, b: plain(a, b, False), binary)

    def prepare_conv(self, weight: Array, geometry: ConvGeometry) -> Any:
        return self._cut(weight, tuple(range(1, weight.ndim)))

    def conv(self, x: Array, prepared: Any, geometry: ConvGeometry, binary: bool) -> Array:
        plain = super().conv
        axes = tuple(range(-1 - len(geometry.stride), 0))  # one scale per sample
        return self._dot(x, prepared, axes, lambda a, b: plain(a, b, geometry, False), binary)
