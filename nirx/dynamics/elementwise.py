"""Scale and Threshold: one product, or one comparison, per element."""

from __future__ import annotations

from nirx.dynamics.base import Arrays, Elementwise, Stateless
from nirx.dynamics.ops import Array, Ops
from nirx.dynamics.spike import single_spike

__all__ = ["Scale", "Threshold"]


class Scale(Elementwise, Stateless):
    """x * scale. **Source**: NIR Scale."""

    parameters = ("scale",)

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        return ops.mul(x, c["scale"])


class Threshold(Elementwise, Stateless):
    """1 where x > threshold, else 0. **Source**: NIR Threshold."""

    parameters = ("threshold",)
    spiking = True
    binary_output = True

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        return single_spike(ops, self.rule, x, c["threshold"])
