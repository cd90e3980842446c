"""Flatten backwards."""

from __future__ import annotations

from nirx_conformance.oracle.gradients.node import NodeGradient, Pull
from nirx_conformance.oracle.node import Array, State


class FlattenGradient(NodeGradient):
    """The gradient in the shape of the input."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        return Pull(to_y.reshape(x.shape), {}, {})
