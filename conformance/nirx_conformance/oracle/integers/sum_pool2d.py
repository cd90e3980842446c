"""SumPool2d: the sum of every window; zeros around the image, a partial last window is dropped."""

from __future__ import annotations

from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints, nest
from nirx_conformance.oracle.node import pair


class SumPool2d(IntegerNode):
    """x is [channels, height, width]."""

    def step(self, x: Ints, state: State) -> Step:
        (tall, wide), (down, right) = pair(self.node.kernel_size), pair(self.node.stride)
        above, left = pair(self.node.padding)
        _, rows, columns = self.output_shape
        y = []
        for image in nest(x, self.shape):
            for row in range(rows):
                lines = image[max(row * down - above, 0) : max(row * down - above + tall, 0)]
                for column in range(columns):
                    start = column * right - left
                    y.append(sum(sum(r[max(start, 0) : max(start + wide, 0)]) for r in lines))
        return Step(y, {})
