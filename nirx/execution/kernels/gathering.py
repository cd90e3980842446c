"""`GatheringOps`: `ArrayOps` whose products and convolutions look for rare spikes first."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from nirx.dynamics.ops import Array, ConvGeometry
from nirx.execution.array_ops import ArrayOps
from nirx.execution.kernels.gather import GatheredWeight
from nirx.execution.kernels.gather_conv import GatheredConv

__all__ = ["GatheringOps"]


class GatheringOps(ArrayOps):
    """A backend adds `lend`, `give` and `slide`; `multiply` if its library has a better one."""

    gathers = False
    """Whether to look for rare spikes."""
    rare_taps: ClassVar[float]
    """Density of spikes below which a convolution is faster tap by tap."""

    def lend(self, array: Array) -> np.ndarray | None:
        """The same numbers as a NumPy array, or None where no kernel may read them."""
        raise NotImplementedError

    def give(self, array: np.ndarray) -> Array:
        """A kernel's result as an array of the backend."""
        raise NotImplementedError

    def multiply(self, x: Array, weight: Array, binary: bool) -> Array:
        """`linear` as a dense product."""
        return super().linear(x, weight, binary)

    def slide(self, x: Array, weight: Array, geometry: ConvGeometry) -> Array:
        """`convolve` at every place."""
        raise NotImplementedError

    def lend_weight(self, weight: Array) -> np.ndarray | None:
        """`lend` for the weight of a Linear, which may need a gradient if `linear` gives it one."""
        return self.lend(weight)

    def prepare_linear(self, weight: Array) -> Any:
        host = self.lend_weight(weight) if self.gathers and weight.ndim == 2 else None
        return weight if host is None else GatheredWeight(weight, host)

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        if not isinstance(prepared, GatheredWeight):
            return self.multiply(x, prepared, binary)
        y = self._gathered(x, prepared)
        return self.multiply(x, prepared.dense, binary) if y is None else y

    def prepare_conv(self, weight: Array, geometry: ConvGeometry) -> Any:
        host = self.lend(weight) if self.gathers else None
        return weight if host is None else GatheredConv(weight, host, geometry, self.rare_taps)

    def convolve(self, x: Array, weight: Any, geometry: ConvGeometry) -> Array:
        if not isinstance(weight, GatheredConv):
            return self.slide(x, weight, geometry)
        y = self._gathered(x, weight)
        return self.slide(x, weight.dense, geometry) if y is None else y

    def _gathered(self, x: Array, prepared: GatheredWeight | GatheredConv) -> Array | None:
        host = self.lend(x)
        y = None if host is None else prepared.product(host)
        return None if y is None else self.give(y)
