"""Linear: y[..., o] = (sum over i of weight[..., o, i] * x[..., i]) << weight_shift."""

from __future__ import annotations

from functools import cached_property

from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints, flat, plain, shift, whole


class Linear(IntegerNode):
    """Leading dimensions of a weight with three or more are those of x."""

    def step(self, x: Ints, state: State) -> Step:
        into, out = self.shape[-1], self.output_shape[-1]
        y = []
        for row in range(len(self.rows)):
            first = row // out * into
            products = zip(self.rows[row], x[first : first + into], strict=True)
            y.append(shift(sum(w * own for w, own in products), self.arithmetic.weight_shift))
        return Step(y, {})

    @cached_property
    def rows(self) -> list[Ints]:
        """The weights of every output, in C order."""
        into = self.shape[-1]
        weights = [whole(w, "a weight") for w in flat(plain(self.node.weight))]
        return [weights[k : k + into] for k in range(0, len(weights), into)]
