"""SumPool2d backwards."""

from __future__ import annotations

import numpy as np

from nirx_conformance.oracle.gradients.node import NodeGradient, Pull
from nirx_conformance.oracle.node import Array, State, pair


class SumPool2dGradient(NodeGradient):
    """Each element of a window gets the gradient of the window's sum."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        own = self.node.node
        (tall, wide), (down, right) = pair(own.kernel_size), pair(own.stride)
        above, before = pair(own.padding)
        high, long = x.shape[-2:]
        to_padded = np.zeros((*x.shape[:-2], high + 2 * above, long + 2 * before))
        for row in range(to_y.shape[-2]):
            for column in range(to_y.shape[-1]):
                top, left = row * down, column * right
                window = to_padded[..., top : top + tall, left : left + wide]
                window += to_y[..., row, column, None, None]
        return Pull(to_padded[..., above : above + high, before : before + long], {}, {})
