"""Conv2d backwards."""

from __future__ import annotations

import numpy as np

from nirx_conformance.oracle.conv2d import zero_rows
from nirx_conformance.oracle.gradients.convolution import ConvolutionGradient
from nirx_conformance.oracle.gradients.node import Pull
from nirx_conformance.oracle.node import Array, State, pair


class Conv2dGradient(ConvolutionGradient):
    """Each product of the forward sum adds to the gradients of its two factors."""

    axes = 2

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        own, weight = self.node.node, self.numbers("weight")
        (down, right), (tall, wide) = pair(own.stride), pair(own.dilation)
        rows_of_zeros = zero_rows(own)
        padded = np.pad(x, [(0, 0)] * (x.ndim - 2) + rows_of_zeros)
        to_padded, to_weight = np.zeros_like(padded), np.zeros_like(weight)
        channels_out, channels_in, rows, columns = weight.shape
        height, width = to_y.shape[-2:]
        for out in range(channels_out):
            first = out // (channels_out // int(own.groups)) * channels_in
            for into in range(channels_in):
                for row in range(rows):
                    for column in range(columns):
                        top, left = row * tall, column * wide
                        place = (
                            ...,
                            first + into,
                            slice(top, top + down * (height - 1) + 1, down),
                            slice(left, left + right * (width - 1) + 1, right),
                        )
                        to_padded[place] += weight[out, into, row, column] * to_y[..., out, :, :]
                        product = padded[place] * to_y[..., out, :, :]
                        to_weight[out, into, row, column] = product.sum()
        (above, _), (before, _) = rows_of_zeros
        high, long = x.shape[-2:]
        to_x = to_padded[..., above : above + high, before : before + long]
        return Pull(to_x, {}, {"weight": to_weight, **self.pull_bias(to_y)})
