"""Delay: each element comes out rint(delay / dt) steps after it went in; until then zeros."""

from __future__ import annotations

from functools import cached_property

from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints
from nirx_conformance.oracle.node import Shape


class Delay(IntegerNode):
    """State "buffer" is [steps, *features], oldest first; absent for 0 steps."""

    @cached_property
    def steps(self) -> Ints:
        return [round(delay / self.rule.dt) for delay in self.each("delay")]

    @property
    def breaks_cycles(self) -> bool:
        return self.size > 0 and min(self.steps) >= 1

    def start(self) -> State:
        longest = max(self.steps, default=0)
        return {"buffer": [0] * (longest * self.size)} if longest else {}

    def state_shape(self, name: str) -> Shape:
        return (max(self.steps), *self.shape)

    def step(self, x: Ints, state: State) -> Step:
        if not state:
            return Step(x, {})
        past = state["buffer"] + x
        y = [past[len(past) - self.size * (n + 1) + at] for at, n in enumerate(self.steps)]
        return Step(y, {"buffer": past[self.size :]})
