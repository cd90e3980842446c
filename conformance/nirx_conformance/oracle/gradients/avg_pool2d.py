"""AvgPool2d backwards."""

from __future__ import annotations

from nirx_conformance.oracle.gradients.node import Pull
from nirx_conformance.oracle.gradients.sum_pool2d import SumPool2dGradient
from nirx_conformance.oracle.node import Array, State, pair


class AvgPool2dGradient(SumPool2dGradient):
    """Each element of a window gets its share of the gradient."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        tall, wide = pair(self.node.node.kernel_size)
        return super().pull(x, state, to_y / (tall * wide), to_state)
