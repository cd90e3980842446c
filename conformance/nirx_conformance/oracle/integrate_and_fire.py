"""IF: v = v + (dt * r) * x, then spike and reset."""

from __future__ import annotations

import numpy as np

from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step
from nirx_conformance.oracle.spikes import fire


class IF(OracleNode):
    """Starts at 0 whatever `initial_v` is: there is no v_leak."""

    neuron = True
    elementwise = ("r", "v_threshold", "v_reset")

    def start(self, batch: Shape) -> State:
        return {"v": np.zeros((*batch, *self.shape))}

    def step(self, x: Array, state: State) -> Step:
        def integrate(v: Array) -> Array:
            return v + (self.rule.dt * self.numbers("r")) * x

        threshold, v_reset = self.numbers("v_threshold"), self.numbers("v_reset")
        v, z, margin = fire(self.rule, threshold, v_reset, state["v"], integrate)
        return Step(z, {"v": v}, margin)
