"""Scale: y = x * s, element by element."""

from __future__ import annotations

from nirx_conformance.oracle.node import Array, OracleNode, State, Step


class Scale(OracleNode):
    """The scale broadcasts to the features."""

    elementwise = ("scale",)

    def step(self, x: Array, state: State) -> Step:
        return Step(x * self.numbers("scale"), {})
