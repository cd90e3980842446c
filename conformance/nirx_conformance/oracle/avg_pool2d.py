"""AvgPool2d: SumPool2d divided by the window size; padded zeros count."""

from __future__ import annotations

from nirx_conformance.oracle.node import Array, State, Step, pair
from nirx_conformance.oracle.sum_pool2d import SumPool2d


class AvgPool2d(SumPool2d):
    """x is [*batch, channels, height, width]."""

    def step(self, x: Array, state: State) -> Step:
        tall, wide = pair(self.node.kernel_size)
        return Step(super().step(x, state).y / (tall * wide), {})
