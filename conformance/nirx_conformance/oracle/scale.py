"""Scale: y = x * s, element by element."""

from __future__ import annotations

from typing import Any

from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step, agreed_shape


class Scale(OracleNode):
    """The scale broadcasts to the features."""

    @staticmethod
    def declared_shape(node: Any) -> Shape | None:
        return agreed_shape(node, "scale")

    def step(self, x: Array, state: State) -> Step:
        return Step(x * self.numbers("scale"), {})
