"""I: v = v + (dt * r) * x; outputs v."""

from __future__ import annotations

import numpy as np

from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step


class I(OracleNode):  # noqa: E742 (NIR's own name)
    """Without a leak, `integrator` and `initial_v` have no effect."""

    neuron = True
    elementwise = ("r",)

    def start(self, batch: Shape) -> State:
        return {"v": np.zeros((*batch, *self.shape))}

    def step(self, x: Array, state: State) -> Step:
        v = state["v"] + (self.rule.dt * self.numbers("r")) * x
        return Step(state["v"] if self.rule.output == "old" else v, {"v": v})
