"""Input and Output: the value passes through; an outermost Input shifts it to the left."""

from __future__ import annotations

from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints


class InputOutput(IntegerNode):
    """y = x; the time loop shifts what enters the graph."""

    def step(self, x: Ints, state: State) -> Step:
        return Step(x, {})
