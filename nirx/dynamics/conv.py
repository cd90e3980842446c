"""Conv1d and Conv2d: cross-correlation plus a bias. **Source**: NIR Conv1d, Conv2d."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from nirx.dynamics.base import Arrays, Dynamics, Stateless
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.geometry import integer, integers, windows
from nirx.dynamics.ops import Array, ConvGeometry, Ops, Shape
from nirx.dynamics.parameters import NodeMismatch, parameter

__all__ = ["Conv1d", "Conv2d", "conv_geometry"]


def conv_geometry(node: Any, axes: int) -> ConvGeometry:
    """The geometry of a Conv node.

    **Raises**: `NodeMismatch` for meaningless values.
    """
    kernel = parameter(node, "weight").shape[2:]
    stride = integers(node, "stride", axes, 1)
    dilation = integers(node, "dilation", axes, 1)
    word = getattr(node, "padding", None)
    word = word.decode() if isinstance(word, bytes) else word
    if not isinstance(word, str):
        padding = tuple((n, n) for n in integers(node, "padding", axes, 0))
    elif word == "valid":
        padding = ((0, 0),) * axes
    elif word == "same":
        if any(s > 1 for s in stride):
            raise NodeMismatch(
                f"padding is 'same' with stride {stride}",
                "stride 1 with 'same'",
                "give the padding as numbers",
            )
        spans = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        padding = tuple((span // 2, span - span // 2) for span in spans)
    else:
        raise NodeMismatch(f"padding is {word!r}", "'same', 'valid' or integers")
    return ConvGeometry(stride, padding, dilation, integer(node, "groups", 1))


@dataclass(frozen=True)
class Convolution(Stateless):
    """x [*lead, C_in, *space] with weight [C_out, C_in/groups, *kernel]; bias [C_out] or None."""

    geometry: ConvGeometry
    binary: bool = False
    """Whether the input is known to be the spikes, 0 or 1, of one layer of neurons."""
    axes: ClassVar[int]

    parameters = ("weight", "bias")
    exact_shape = True

    @classmethod
    def check(cls, node: Any) -> None:
        weight = parameter(node, "weight").shape
        if len(weight) != cls.axes + 2 or 0 in weight:
            axes = "kernel" if cls.axes == 1 else "kernel_height, kernel_width"
            raise NodeMismatch(f"weight has shape {weight}", f"[C_out, C_in/groups, {axes}]")
        groups = conv_geometry(node, cls.axes).groups
        if weight[0] % groups:
            raise NodeMismatch(
                f"{weight[0]} output channels in {groups} groups", "a multiple of groups"
            )
        if getattr(node, "bias", None) is not None:
            bias = parameter(node, "bias").shape
            if bias not in ((), (1,), weight[:1]):
                raise NodeMismatch(f"bias has shape {bias}", f"bias of shape {weight[:1]}")

    @classmethod
    def declared_shapes(cls, node: Any) -> tuple[Shape | None, Shape | None]:
        weight = parameter(node, "weight").shape
        if getattr(node, "input_shape", None) is None or len(weight) != cls.axes + 2:
            return None, None
        space = integers(node, "input_shape", cls.axes, 1)
        takes = (weight[1] * conv_geometry(node, cls.axes).groups, *space)
        return takes, cls._output_shape(node, takes)

    @classmethod
    def input_rank(cls, node: Any) -> int | None:
        return cls.axes + 1

    @classmethod
    def _output_shape(cls, node: Any, input_shape: Shape) -> Shape:
        weight = parameter(node, "weight").shape
        g = conv_geometry(node, cls.axes)
        return weight[0], *windows(input_shape[1:], weight[2:], g.stride, g.padding, g.dilation)

    @classmethod
    def infer_shape(cls, node: Any, input_shape: Shape) -> Shape:
        weight = parameter(node, "weight").shape
        groups = conv_geometry(node, cls.axes).groups
        if len(input_shape) != cls.axes + 1 or input_shape[0] != weight[1] * groups:
            space = "length" if cls.axes == 1 else "height, width"
            raise NodeMismatch(
                f"the input has shape {input_shape}, but weight has shape {weight} "
                f"and groups is {groups}",
                f"an input of shape ({weight[1] * groups}, {space})",
            )
        takes, _ = cls.declared_shapes(node)
        if takes not in (None, input_shape):
            raise NodeMismatch(
                f"the input has shape {input_shape}, but input_shape is {takes[1:]}",
                f"an input of shape {takes}",
                "set input_shape to None to let nirx infer it",
            )
        return cls._output_shape(node, input_shape)

    @classmethod
    def build(
        cls, node: Any, rule: Discretization, input_shape: Shape, output_shape: Shape
    ) -> Dynamics:
        return cls(rule, input_shape, output_shape, conv_geometry(node, cls.axes))

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        c = {**p, "weight": ops.prepare_conv(p["weight"], self.geometry)}
        if "bias" in c and c["bias"].ndim:
            c["bias"] = c["bias"].reshape((-1, *(1,) * self.axes))
        return c

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        y = ops.conv(x, c["weight"], self.geometry, self.binary)
        return ops.add(y, c["bias"]) if "bias" in c else y


class Conv1d(Convolution):
    """A convolution of x [*lead, C_in, length]."""

    axes = 1


class Conv2d(Convolution):
    """A convolution of x [*lead, C_in, height, width]."""

    axes = 2
