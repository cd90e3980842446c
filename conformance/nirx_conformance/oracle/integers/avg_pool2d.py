"""AvgPool2d: SumPool2d divided by the area, rounded down; padded zeros count."""

from __future__ import annotations

from nirx_conformance.oracle.integers.node import State, Step
from nirx_conformance.oracle.integers.numbers import Ints
from nirx_conformance.oracle.integers.sum_pool2d import SumPool2d
from nirx_conformance.oracle.node import pair


class AvgPool2d(SumPool2d):
    """The area is a power of two, so that the division is a shift."""

    def step(self, x: Ints, state: State) -> Step:
        tall, wide = pair(self.node.kernel_size)
        bits = (tall * wide).bit_length() - 1
        return Step([total >> bits for total in super().step(x, state).y], {})
