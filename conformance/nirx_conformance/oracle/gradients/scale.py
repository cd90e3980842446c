"""Scale backwards."""

from __future__ import annotations

from nirx_conformance.oracle.gradients.node import NodeGradient, Pull
from nirx_conformance.oracle.node import Array, State


class ScaleGradient(NodeGradient):
    """y = x * s."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        return Pull(to_y * self.numbers("scale"), {}, self.summed({"scale": to_y * x}))
