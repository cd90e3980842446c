"""Threshold: 1 where x > threshold (or >=, by choice), else 0."""

from __future__ import annotations

from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints


class Threshold(IntegerNode):
    """Not a neuron: it has no state, and no shift."""

    def step(self, x: Ints, state: State) -> Step:
        ties = self.rule.threshold == "ge"
        both = zip(x, self.whole_each("threshold"), strict=True)
        return Step([int(own >= level if ties else own > level) for own, level in both], {})
