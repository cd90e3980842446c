"""Linear: y[..., o] = sum over i of weight[..., o, i] * x[..., i]."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step


class Linear(OracleNode):
    """Leading dimensions of a weight with three or more are matched with those of x."""

    @classmethod
    def declared_shape(cls, node: Any) -> Shape:
        *lead, _, into = np.shape(node.weight)
        return (*lead, into)

    @staticmethod
    def output_shape(node: Any, shape: Shape) -> Shape:
        *lead, out, _ = np.shape(node.weight)
        return (*lead, out)

    def step(self, x: Array, state: State) -> Step:
        return Step(np.einsum("...oi,...i->...o", self.numbers("weight"), x), {})
