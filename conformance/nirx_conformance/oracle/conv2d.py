"""Conv2d: cross-correlation over height and width, then + bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step, pair


class Conv2d(OracleNode):
    """weight is [C_out, C_in/groups, height, width], x is [*batch, C_in, height, width]."""

    @classmethod
    def declared_shape(cls, node: Any) -> Shape | None:
        if node.input_shape is None:
            return None
        return (np.shape(node.weight)[1] * int(node.groups), *pair(node.input_shape))

    @staticmethod
    def output_shape(node: Any, shape: Shape) -> Shape:
        kernel = np.shape(node.weight)[2:]
        stride, dilation = pair(node.stride), pair(node.dilation)
        places = []
        for axis, (before, after) in enumerate(zero_rows(node)):
            span = dilation[axis] * (kernel[axis] - 1) + 1
            places.append((shape[1 + axis] + before + after - span) // stride[axis] + 1)
        return (np.shape(node.weight)[0], *places)

    def step(self, x: Array, state: State) -> Step:
        weight = self.numbers("weight")
        (down, right), (tall, wide) = pair(self.node.stride), pair(self.node.dilation)
        rows_of_zeros = [(0, 0)] * (x.ndim - 2) + zero_rows(self.node)
        x = np.pad(x, rows_of_zeros)
        channels_out, channels_in, rows, columns = weight.shape
        _, height, width = self.output_shape(self.node, self.shape)
        y = np.zeros((*x.shape[:-3], channels_out, height, width))
        for out in range(channels_out):
            first = out // (channels_out // int(self.node.groups)) * channels_in
            for into in range(channels_in):
                for row in range(rows):
                    for column in range(columns):
                        top, left = row * tall, column * wide
                        seen = x[
                            ...,
                            first + into,
                            top : top + down * (height - 1) + 1 : down,
                            left : left + right * (width - 1) + 1 : right,
                        ]
                        y[..., out, :, :] += weight[out, into, row, column] * seen
        if self.node.bias is not None:
            y = y + self.numbers("bias").reshape(-1, 1, 1)
        return Step(y, {})


def zero_rows(node: Any) -> list[tuple[int, int]]:
    """Zeros before and after, along height and width.

    'same' puts the larger half after, as PyTorch does.
    """
    if isinstance(node.padding, str):
        if node.padding == "valid":
            return [(0, 0), (0, 0)]
        kernel = np.shape(node.weight)[2:]
        spans = [d * (k - 1) for d, k in zip(pair(node.dilation), kernel, strict=True)]
        return [(span // 2, span - span // 2) for span in spans]
    return [(n, n) for n in pair(node.padding)]
