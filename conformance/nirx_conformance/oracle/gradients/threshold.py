"""Threshold backwards."""

from __future__ import annotations

from nirx_conformance.oracle.gradients.node import NodeGradient, Pull
from nirx_conformance.oracle.node import Array, State


class ThresholdGradient(NodeGradient):
    """The surrogate's derivative at x - threshold."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        to_x = to_y * self.spiking.surrogate(x - self.numbers("threshold"))
        return Pull(to_x, {}, self.summed({"threshold": -to_x}))
