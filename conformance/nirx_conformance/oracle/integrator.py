"""I: v = v + (dt * r) * x; puts out v."""

from __future__ import annotations

import numpy as np

from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step


class I(OracleNode):  # noqa: E742 (NIR's own name)
    """Nothing leaks, so there is nothing for `integrator` or `initial_v` to choose."""

    neuron = True
    elementwise = ("r",)

    def start(self, batch: Shape) -> State:
        return {"v": np.zeros((*batch, *self.shape))}

    def step(self, x: Array, state: State) -> Step:
        v = state["v"] + (self.rule.dt * self.numbers("r")) * x
        return Step(state["v"] if self.rule.output == "old" else v, {"v": v})
