"""Delay: each element comes out rint(delay / dt) steps after it went in; until then zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step


class Delay(OracleNode):
    """State "buffer" is [*batch, steps, *features], oldest first; absent for 0 steps."""

    elementwise = ("delay",)

    def __init__(self, node: Any, rule: Discretization, shape: Shape):
        super().__init__(node, rule, shape)
        steps = np.rint(self.numbers("delay") / rule.dt).astype(int)
        self.steps = np.broadcast_to(steps, shape)
        self.longest = int(self.steps.max(initial=0))

    @property
    def breaks_cycles(self) -> bool:
        return bool((self.steps >= 1).all()) and self.steps.size > 0

    def start(self, batch: Shape) -> State:
        if not self.longest:
            return {}
        return {"buffer": np.zeros((*batch, self.longest, *self.shape))}

    def step(self, x: Array, state: State) -> Step:
        if not self.longest:
            return Step(x, {})
        time = x.ndim - len(self.shape)
        past = np.concatenate([state["buffer"], np.expand_dims(x, time)], time)
        y = np.zeros_like(x)
        for steps in np.unique(self.steps):
            then = np.take(past, self.longest - steps, time)
            y = np.where(self.steps == steps, then, y)
        return Step(y, {"buffer": np.delete(past, 0, time)})
