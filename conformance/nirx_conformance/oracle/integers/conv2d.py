"""Conv2d: cross-correlation over height and width, shifted, then + bias."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from nirx_conformance.oracle.conv2d import zero_rows
from nirx_conformance.oracle.integers.conv1d import shifted_biases, whole_weights
from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints, nest, shift
from nirx_conformance.oracle.node import pair


class Conv2d(IntegerNode):
    """weight is [C_out, C_in/groups, height, width], x is [C_in, height, width]."""

    def step(self, x: Ints, state: State) -> Step:
        image = nest(x, self.shape)
        channels, height, width = self.output_shape
        y = []
        for out in range(channels):
            first = out // (channels // int(self.node.groups)) * len(self.kernels[out])
            for row in range(height):
                for column in range(width):
                    total = self.seen(image[first:], self.kernels[out], row, column)
                    y.append(shift(total, self.arithmetic.weight_shift) + self.biases[out])
        return Step(y, {})

    def seen(self, image: Any, kernel: Any, row: int, column: int) -> int:
        """One output without its shift and bias."""
        (down, right), (tall, wide) = pair(self.node.stride), pair(self.node.dilation)
        (above, _), (left, _) = zero_rows(self.node)
        _, height, width = self.shape
        total = 0
        for into, lines in enumerate(kernel):
            for line, weights in enumerate(lines):
                at_row = row * down + line * tall - above
                for place, w in enumerate(weights):
                    at_column = column * right + place * wide - left
                    if 0 <= at_row < height and 0 <= at_column < width:
                        total += w * image[into][at_row][at_column]
        return total

    @cached_property
    def kernels(self) -> Any:
        return whole_weights(self.node)

    @cached_property
    def biases(self) -> Ints:
        return shifted_biases(self.node, self.arithmetic.bias_shift)
