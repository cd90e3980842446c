"""Affine: Linear, then + (bias << bias_shift)."""

from __future__ import annotations

from nirx_conformance.oracle.integers.linear import Linear
from nirx_conformance.oracle.integers.node import State, Step
from nirx_conformance.oracle.integers.numbers import Ints, spread, whole


class Affine(Linear):
    """A bias of None is left out."""

    def step(self, x: Ints, state: State) -> Step:
        y = super().step(x, state).y
        if self.node.bias is None:
            return Step(y, {})
        biases = [whole(b, "a bias") for b in spread(self.node.bias, self.output_shape)]
        up = self.arithmetic.bias_shift
        return Step([own + (bias << up) for own, bias in zip(y, biases, strict=True)], {})
