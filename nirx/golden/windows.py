"""The loops over the places of a window and over its elements, with zeros around the input."""

from __future__ import annotations

from dataclasses import dataclass

from nirx.dynamics.conv import Convolution
from nirx.dynamics.ops import Shape
from nirx.dynamics.pool import SumPool2d
from nirx.golden.model import Node, each

__all__ = ["Window"]


@dataclass(frozen=True)
class Window:
    """A window over [channels, rows, columns]; one axis of space counts as a single row.

    Arguments:
        inputs, outputs: channels, rows, columns.
        kernel, stride, dilation, before: rows, columns; `before` is the padding in front.
        depth: channels of the input that a window reads.
        shared: channels of the output that read the same channels (of one group).
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    depth: int
    shared: int

    @staticmethod
    def of_conv(node: Node, kernel: Shape) -> Window:
        """That of a Conv1d or Conv2d; its weight is [outputs, depth, *kernel]."""
        own = node.place.dynamics
        assert isinstance(own, Convolution)
        g, places = own.geometry, own.output_shape[1:]
        channels, *space = own.input_shape
        one = (1,) * (2 - own.axes)
        zero = (0,) * (2 - own.axes)
        return Window(
            (channels, *one, *space),
            (own.output_shape[0], *one, *places),
            (*one, *kernel),
            (*one, *g.stride),
            (*one, *g.dilation),
            (*zero, *(before for before, _ in g.padding)),
            channels // g.groups,
            own.output_shape[0] // g.groups,
        )

    @staticmethod
    def of_pool(node: Node, own: SumPool2d) -> Window:
        """That of a pool: every channel by itself."""
        return Window(
            own.input_shape,
            own.output_shape,
            own.kernel_size,
            own.stride,
            (1, 1),
            own.padding,
            1,
            1,
        )

    @property
    def weight_index(self) -> str:
        """The index of a weight [outputs, depth, *kernel], inside `taps`."""
        rows, columns = self.kernel
        return f"((o * {self.depth} + c) * {rows} + a) * {columns} + b"

    def places(self, lines: list[str]) -> list[str]:
        """Loops over the outputs: o, i, j, and n for all three."""
        channels, rows, columns = self.outputs
        number = f"const ptrdiff_t n = (o * {rows} + i) * {columns} + j;"
        inner = each(columns, [number, *lines], "j")
        return each(channels, each(rows, inner, "i"), "o")

    def taps(self, lines: list[str]) -> list[str]:
        """Loops over the elements of a window that lie inside the input: c, a, b, and `at`."""
        _, height, width = self.inputs
        row = f"i * {self.stride[0]} + a * {self.dilation[0]} - {self.before[0]}"
        column = f"j * {self.stride[1]} + b * {self.dilation[1]} - {self.before[1]}"
        channel = f"o / {self.shared} * {self.depth} + c"
        inner = [
            f"const ptrdiff_t r = {row}, q = {column};",
            f"if (r >= 0 && r < {height} && q >= 0 && q < {width}) {{",
            f"    const ptrdiff_t at = (({channel}) * {height} + r) * {width} + q;",
            *(f"    {line}" for line in lines),
            "}",
        ]
        taps = each(self.kernel[0], each(self.kernel[1], inner, "b"), "a")
        return each(self.depth, taps, "c")
