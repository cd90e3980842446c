"""LI: v = v + a * ((v_leak - v) + r * x); outputs v."""

from __future__ import annotations

from nirx_conformance.oracle.membrane import first_v, leak
from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step


class LI(OracleNode):
    """a is dt/tau, or 1 - exp(-dt/tau); with `input_gain="euler"`, r * x has the gain dt/tau."""

    neuron = True
    elementwise = ("tau", "r", "v_leak")

    def start(self, batch: Shape) -> State:
        return {"v": first_v(self.rule, self.numbers("v_leak"), (*batch, *self.shape))}

    def step(self, x: Array, state: State) -> Step:
        tau, r, v_leak = self.numbers("tau"), self.numbers("r"), self.numbers("v_leak")
        v = leak(self.rule, tau, r, v_leak, state["v"], x)
        return Step(state["v"] if self.rule.output == "old" else v, {"v": v})
