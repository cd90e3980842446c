"""LI: v' = decay(v) + g * x + l; outputs v."""

from __future__ import annotations

from functools import cached_property

from nirx_conformance.oracle.integers.membrane import Update, first_v, leaky
from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints


class LI(IntegerNode):
    """l is what the leak adds in every step."""

    neuron = True

    def start(self) -> State:
        v = [first_v(self.rule, v_leak) for v_leak in self.each("v_leak")]
        return {"v": v, "v_overflows": [0] * self.size}

    def step(self, x: Ints, state: State) -> Step:
        settled = [u(v, own) for u, v, own in zip(self.updates, state["v"], x, strict=True)]
        v = [s.v for s in settled]
        counts = [n + s.overflowed for n, s in zip(state["v_overflows"], settled, strict=True)]
        y = state["v"] if self.rule.output == "old" else v
        return Step(y, {"v": v, "v_overflows": counts})

    @cached_property
    def updates(self) -> list[Update]:
        each = zip(self.each("tau"), self.each("r"), self.each("v_leak"), strict=True)
        return [leaky(self.arithmetic, self.rule, *own) for own in each]
