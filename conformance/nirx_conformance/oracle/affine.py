"""Affine: Linear, then + bias."""

from __future__ import annotations

from nirx_conformance.oracle.linear import Linear
from nirx_conformance.oracle.node import Array, State, Step


class Affine(Linear):
    """y = W x + b; a bias of None is left out."""

    def step(self, x: Array, state: State) -> Step:
        y = super().step(x, state).y
        return Step(y if self.node.bias is None else y + self.numbers("bias"), {})
