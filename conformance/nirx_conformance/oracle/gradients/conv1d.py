"""Conv1d backwards."""

from __future__ import annotations

import numpy as np

from nirx_conformance.oracle.conv1d import zeros_around
from nirx_conformance.oracle.gradients.convolution import ConvolutionGradient
from nirx_conformance.oracle.gradients.node import Pull
from nirx_conformance.oracle.node import Array, State, pair


class Conv1dGradient(ConvolutionGradient):
    """Each product of the forward sum adds to the gradients of its two factors."""

    axes = 1

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        own, weight = self.node.node, self.numbers("weight")
        stride, dilation = pair(own.stride)[0], pair(own.dilation)[0]
        before, after = zeros_around(own)
        padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(before, after)])
        to_padded, to_weight = np.zeros_like(padded), np.zeros_like(weight)
        channels_out, channels_in, taps = weight.shape
        length = to_y.shape[-1]
        for out in range(channels_out):
            first = out // (channels_out // int(own.groups)) * channels_in
            for into in range(channels_in):
                for tap in range(taps):
                    start = tap * dilation
                    seen = slice(start, start + stride * (length - 1) + 1, stride)
                    place = (..., first + into, seen)
                    to_padded[place] += weight[out, into, tap] * to_y[..., out, :]
                    to_weight[out, into, tap] = (padded[place] * to_y[..., out, :]).sum()
        to_x = to_padded[..., before : before + x.shape[-1]]
        return Pull(to_x, {}, {"weight": to_weight, **self.pull_bias(to_y)})
