"""Threshold: 1 where x > threshold (or >=, by choice), else 0."""

from __future__ import annotations

import numpy as np

from nirx_conformance.oracle.node import Array, OracleNode, State, Step


class Threshold(OracleNode):
    """Not a neuron: it has no state, and always outputs 0 or 1."""

    elementwise = ("threshold",)

    def step(self, x: Array, state: State) -> Step:
        threshold = self.numbers("threshold")
        over = x >= threshold if self.rule.threshold == "ge" else x > threshold
        return Step(over.astype(np.float64), {}, np.abs(x - threshold))
