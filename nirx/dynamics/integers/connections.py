"""Nodes without memory in integers: products, convolutions, pools, scales and thresholds."""

from __future__ import annotations

from typing import Any

from nirx.dynamics.base import Arrays, Dynamics, Stateless
from nirx.dynamics.conv import Conv1d, Conv2d, Convolution
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.elementwise import Scale, Threshold
from nirx.dynamics.integers.operations import shifted_down
from nirx.dynamics.integers.whole import LARGEST, Exact, Reach, WholeNumbers, largest
from nirx.dynamics.linear import Affine, Linear
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.pool import AvgPool2d

__all__ = [
    "WholeAffine",
    "WholeAvgPool2d",
    "WholeConv1d",
    "WholeConv2d",
    "WholeLinear",
    "WholeScale",
    "WholeThreshold",
]


class _Weighted(WholeNumbers, Stateless):
    """(sum of weight * x) << weight_shift, + bias << bias_shift: both are shifted beforehand.

    A negative shift rounds the sum, so it comes after it.
    """

    @property
    def plain_product(self) -> bool:
        return self.arithmetic.weight_shift >= 0

    def exact(self, ops: Ops, p: Arrays) -> dict[str, Exact]:
        own = self.arithmetic
        shift = max(0, own.weight_shift)
        found = {"weight": Exact(p["weight"], *own.weight_range, "a weight", shift)}
        if "bias" in p:
            most = LARGEST >> own.bias_shift
            found["bias"] = Exact(p["bias"], -most, most, "a bias", own.bias_shift)
        return found

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        return super().coefficients(ops, {**p, **self.whole(ops, p)})

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        if self.plain_product:
            return super().apply(ops, c, x)
        total = super().apply(ops, {k: v for k, v in c.items() if k != "bias"}, x)
        y = shifted_down(ops, total, -self.arithmetic.weight_shift)
        return ops.add(y, c["bias"]) if "bias" in c else y

    def reach(self, whole: Arrays, x: float) -> Reach:
        weight = abs(whole["weight"])
        into = tuple(range(1, weight.ndim)) if isinstance(self, Convolution) else -1
        total = largest(weight.sum(axis=into)) * x
        bias = largest(whole["bias"]) if "bias" in whole else 0.0
        shifted = total if self.plain_product else total * 2.0**self.arithmetic.weight_shift + 1
        return Reach(total + bias, shifted + bias)


class WholeLinear(_Weighted, Linear):
    """Linear."""


class WholeAffine(_Weighted, Affine):
    """Affine."""


class WholeConv1d(_Weighted, Conv1d):
    """Conv1d."""


class WholeConv2d(_Weighted, Conv2d):
    """Conv2d."""


class WholeScale(WholeNumbers, Scale):
    """x * scale."""

    def exact(self, ops: Ops, p: Arrays) -> dict[str, Exact]:
        return {"scale": Exact(p["scale"], -LARGEST, LARGEST, "a scale")}

    def reach(self, whole: Arrays, x: float) -> Reach:
        product = largest(whole["scale"]) * x
        return Reach(product, product)

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        return self.whole(ops, p)


class WholeThreshold(WholeNumbers, Threshold):
    """x > threshold."""

    def exact(self, ops: Ops, p: Arrays) -> dict[str, Exact]:
        return {"threshold": Exact(p["threshold"], -LARGEST, LARGEST, "threshold")}

    def reach(self, whole: Arrays, x: float) -> Reach:
        return Reach(x, 1.0)

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        return self.whole(ops, p)


class WholeAvgPool2d(AvgPool2d):
    """The sum of a window, shifted down by the power of two that is its area."""

    @classmethod
    def build(
        cls, node: Any, rule: Discretization, input_shape: Shape, output_shape: Shape
    ) -> Dynamics:
        found = super().build(node, rule, input_shape, output_shape)
        assert isinstance(found, AvgPool2d)
        area = found.kernel_size[0] * found.kernel_size[1]
        if area & (area - 1):
            raise NodeMismatch(
                f"a window of {area} values: a chip divides by shifts only",
                "an area that is a power of two",
                "use SumPool2d, and scale the threshold after it",
            )
        return found

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        area = self.kernel_size[0] * self.kernel_size[1]
        total = super(AvgPool2d, self).apply(ops, c, x)
        return shifted_down(ops, total, area.bit_length() - 1)
