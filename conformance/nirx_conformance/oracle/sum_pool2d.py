"""SumPool2d: the sum of every window; zeros around the image, a partial last window is dropped."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step, pair


class SumPool2d(OracleNode):
    """x is [*batch, channels, height, width]."""

    @staticmethod
    def output_shape(node: Any, shape: Shape) -> Shape:
        kernel, stride, zeros = pair(node.kernel_size), pair(node.stride), pair(node.padding)
        places = [(shape[1 + a] + 2 * zeros[a] - kernel[a]) // stride[a] + 1 for a in (0, 1)]
        return (shape[0], *places)

    def step(self, x: Array, state: State) -> Step:
        (tall, wide), (down, right) = pair(self.node.kernel_size), pair(self.node.stride)
        x = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(n, n) for n in pair(self.node.padding)])
        _, height, width = self.output_shape(self.node, self.shape)
        y = np.zeros((*x.shape[:-2], height, width))
        for row in range(height):
            for column in range(width):
                top, left = row * down, column * right
                y[..., row, column] = x[..., top : top + tall, left : left + wide].sum((-2, -1))
        return Step(y, {})
