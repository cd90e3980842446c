"""Flatten: joins feature axes; in C order the values stay where they are."""

from __future__ import annotations

from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints


class Flatten(IntegerNode):
    """Only the shape of the output differs."""

    def step(self, x: Ints, state: State) -> Step:
        return Step(x, {})
