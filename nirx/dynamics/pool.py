"""SumPool2d and AvgPool2d: zero padding, floor mode. **Source**: NIR SumPool2d, AvgPool2d."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nirx.dynamics.base import Arrays, Dynamics, Stateless
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.geometry import integers, windows
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.parameters import NodeMismatch

__all__ = ["AvgPool2d", "SumPool2d"]

ONE = (1, 1)


def _geometry(node: Any) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    return (
        integers(node, "kernel_size", 2, 1),
        integers(node, "stride", 2, 1),
        integers(node, "padding", 2, 0),
    )


@dataclass(frozen=True)
class SumPool2d(Stateless):
    """The sum of each kernel_size window of x [*lead, C, height, width]."""

    kernel_size: tuple[int, ...] = ONE
    stride: tuple[int, ...] = ONE
    padding: tuple[int, ...] = ONE

    @classmethod
    def check(cls, node: Any) -> None:
        _geometry(node)

    @classmethod
    def input_rank(cls, node: Any) -> int | None:
        return 3

    @classmethod
    def infer_shape(cls, node: Any, input_shape: Shape) -> Shape:
        if len(input_shape) != 3:
            raise NodeMismatch(f"the input has shape {input_shape}", "(channels, height, width)")
        kernel, stride, padding = _geometry(node)
        sides = tuple((n, n) for n in padding)
        return input_shape[0], *windows(input_shape[1:], kernel, stride, sides, ONE)

    @classmethod
    def build(
        cls, node: Any, rule: Discretization, input_shape: Shape, output_shape: Shape
    ) -> Dynamics:
        return cls(rule, input_shape, output_shape, *_geometry(node))

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        # Shifted slices, added row by row: an order of summation that every backend can keep.
        # The pooling kernels of the libraries each have another.
        x = ops.pad(x, [(n, n) for n in self.padding])
        _, height, width = self.output_shape
        total = None
        for row in range(self.kernel_size[0]):
            for column in range(self.kernel_size[1]):
                piece = x[
                    ...,
                    row : row + (height - 1) * self.stride[0] + 1 : self.stride[0],
                    column : column + (width - 1) * self.stride[1] + 1 : self.stride[1],
                ]
                total = piece if total is None else ops.add(total, piece)
        return total


class AvgPool2d(SumPool2d):
    """SumPool2d times 1/(kernel height * width); the padding counts."""

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        area = self.kernel_size[0] * self.kernel_size[1]
        return ops.mul(super().apply(ops, c, x), ops.constant(1.0 / area))
