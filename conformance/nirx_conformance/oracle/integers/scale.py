"""Scale: y = x * s, element by element; s is whole."""

from __future__ import annotations

from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints


class Scale(IntegerNode):
    """The scale broadcasts to the features."""

    def step(self, x: Ints, state: State) -> Step:
        return Step([own * s for own, s in zip(x, self.whole_each("scale"), strict=True)], {})
