"""CubaLI: a synaptic current i, and an LI driven by it; outputs v."""

from __future__ import annotations

import numpy as np

from nirx_conformance.oracle.membrane import first_v, leak
from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step
from nirx_conformance.oracle.synapse import current


class CubaLI(OracleNode):
    """v is driven by the new i, or by the old one (`synapse="voltage-first"`)."""

    neuron = True
    elementwise = ("tau_syn", "tau_mem", "r", "v_leak", "w_in")

    def start(self, batch: Shape) -> State:
        shape = (*batch, *self.shape)
        return {"v": first_v(self.rule, self.numbers("v_leak"), shape), "i": np.zeros(shape)}

    def step(self, x: Array, state: State) -> Step:
        i = current(self.rule, self.numbers("tau_syn"), self.numbers("w_in"), state["i"], x)
        drive = i if self.rule.synapse == "current-first" else state["i"]
        tau, r, v_leak = self.numbers("tau_mem"), self.numbers("r"), self.numbers("v_leak")
        v = leak(self.rule, tau, r, v_leak, state["v"], drive)
        return Step(state["v"] if self.rule.output == "old" else v, {"v": v, "i": i})
