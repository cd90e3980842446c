"""LIF: the step of an LI, then spike and reset."""

from __future__ import annotations

from nirx_conformance.oracle.membrane import first_v, leak
from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step
from nirx_conformance.oracle.spikes import fire


class LIF(OracleNode):
    """Outputs spikes."""

    neuron = True
    elementwise = ("tau", "r", "v_leak", "v_threshold", "v_reset")

    def start(self, batch: Shape) -> State:
        return {"v": first_v(self.rule, self.numbers("v_leak"), (*batch, *self.shape))}

    def step(self, x: Array, state: State) -> Step:
        tau, r, v_leak = self.numbers("tau"), self.numbers("r"), self.numbers("v_leak")

        def li(v: Array) -> Array:
            return leak(self.rule, tau, r, v_leak, v, x)

        threshold, v_reset = self.numbers("v_threshold"), self.numbers("v_reset")
        v, z, margin = fire(self.rule, threshold, v_reset, state["v"], li)
        return Step(z, {"v": v}, margin)
