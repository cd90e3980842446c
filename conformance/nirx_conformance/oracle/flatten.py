"""Flatten: joins the feature axes start_dim..end_dim; batch and time axes do not count."""

from __future__ import annotations

import math
from typing import Any

from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step


class Flatten(OracleNode):
    """Negative dimensions count from the last feature axis."""

    @classmethod
    def declared_shape(cls, node: Any) -> Shape | None:
        declared = node.input_type["input"]
        return None if declared is None else tuple(int(n) for n in declared)

    @staticmethod
    def output_shape(node: Any, shape: Shape) -> Shape:
        if not shape:
            return (1,)
        first, last = int(node.start_dim) % len(shape), int(node.end_dim) % len(shape)
        return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])

    def step(self, x: Array, state: State) -> Step:
        batch = x.shape[: x.ndim - len(self.shape)]
        return Step(x.reshape(*batch, *self.output_shape(self.node, self.shape)), {})
