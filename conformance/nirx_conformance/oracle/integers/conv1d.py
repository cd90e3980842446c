"""Conv1d: cross-correlation along one axis, shifted, then + bias."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from nirx_conformance.oracle.conv1d import zeros_around
from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints, flat, nest, plain, shape_of, shift, whole
from nirx_conformance.oracle.node import pair


class Conv1d(IntegerNode):
    """weight is [C_out, C_in/groups, taps], x is [C_in, length]."""

    def step(self, x: Ints, state: State) -> Step:
        image = nest(x, self.shape)
        stride, dilation = pair(self.node.stride)[0], pair(self.node.dilation)[0]
        before, _ = zeros_around(self.node)
        channels_out, length = self.output_shape
        y = []
        for out in range(channels_out):
            kernel = self.kernels[out]
            first = out // (channels_out // int(self.node.groups)) * len(kernel)
            for place in range(length):
                total = 0
                for into, taps in enumerate(kernel):
                    for tap, w in enumerate(taps):
                        at = place * stride + tap * dilation - before
                        if 0 <= at < self.shape[1]:
                            total += w * image[first + into][at]
                y.append(shift(total, self.arithmetic.weight_shift) + self.biases[out])
        return Step(y, {})

    @cached_property
    def kernels(self) -> Any:
        return whole_weights(self.node)

    @cached_property
    def biases(self) -> Ints:
        return shifted_biases(self.node, self.arithmetic.bias_shift)


def whole_weights(node: Any) -> Any:
    """The weights of a convolution as nested lists of ints."""
    weight = plain(node.weight)
    return nest([whole(w, "a weight") for w in flat(weight)], shape_of(weight))


def shifted_biases(node: Any, up: int) -> Ints:
    """One bias per output channel; zeros where there is none."""
    if node.bias is None:
        return [0] * len(node.weight)
    return [whole(b, "a bias") << up for b in flat(plain(node.bias))]
