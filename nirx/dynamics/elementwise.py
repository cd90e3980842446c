"""Scale and Threshold: one product, or one comparison, per element."""

from __future__ import annotations

from typing import Any

from nirx.dynamics.base import Arrays, Stateless, common_shape, require_broadcast
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.spike import single_spike

__all__ = ["Scale", "Threshold"]


class Elementwise(Stateless):
    """Parameters broadcast to the input, the output has the input's shape."""

    @classmethod
    def declared_shapes(cls, node: Any) -> tuple[Shape | None, Shape | None]:
        shape = common_shape(node, cls.parameters)
        return shape, shape

    @classmethod
    def infer_shape(cls, node: Any, input_shape: Shape) -> Shape:
        require_broadcast(node, cls.parameters, input_shape)
        return input_shape


class Scale(Elementwise):
    """x * scale. **Source**: NIR Scale."""

    parameters = ("scale",)

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        return ops.mul(x, c["scale"])


class Threshold(Elementwise):
    """1 where x > threshold, else 0. **Source**: NIR Threshold."""

    parameters = ("threshold",)
    spiking = True
    binary_output = True

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        return single_spike(ops, self.rule, x, c["threshold"])
