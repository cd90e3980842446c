"""Conv1d: cross-correlation along one axis, then + bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step, pair


class Conv1d(OracleNode):
    """weight is [C_out, C_in/groups, taps], x is [*batch, C_in, length]."""

    @classmethod
    def declared_shape(cls, node: Any) -> Shape | None:
        if node.input_shape is None:
            return None
        return (np.shape(node.weight)[1] * int(node.groups), pair(node.input_shape)[0])

    @staticmethod
    def output_shape(node: Any, shape: Shape) -> Shape:
        channels, _, taps = np.shape(node.weight)
        before, after = zeros_around(node)
        span = pair(node.dilation)[0] * (taps - 1) + 1
        return (channels, (shape[1] + before + after - span) // pair(node.stride)[0] + 1)

    def step(self, x: Array, state: State) -> Step:
        weight = self.numbers("weight")
        stride, dilation = pair(self.node.stride)[0], pair(self.node.dilation)[0]
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [zeros_around(self.node)])
        channels_out, channels_in, taps = weight.shape
        _, length = self.output_shape(self.node, self.shape)
        y = np.zeros((*x.shape[:-2], channels_out, length))
        for out in range(channels_out):
            first = out // (channels_out // int(self.node.groups)) * channels_in
            for into in range(channels_in):
                for tap in range(taps):
                    start = tap * dilation
                    seen = x[..., first + into, start : start + stride * (length - 1) + 1 : stride]
                    y[..., out, :] += weight[out, into, tap] * seen
        if self.node.bias is not None:
            y = y + self.numbers("bias").reshape(-1, 1)
        return Step(y, {})


def zeros_around(node: Any) -> tuple[int, int]:
    """Zeros before and after; 'same' puts the larger half after, as PyTorch does."""
    if node.padding == "valid":
        return (0, 0)
    if isinstance(node.padding, str):
        span = pair(node.dilation)[0] * (np.shape(node.weight)[2] - 1)
        return (span // 2, span - span // 2)
    return (pair(node.padding)[0], pair(node.padding)[0])
