"""CubaLIF: a synaptic current i, and a LIF driven by it; outputs spikes."""

from __future__ import annotations

import numpy as np

from nirx_conformance.oracle.membrane import first_v, leak
from nirx_conformance.oracle.node import Array, OracleNode, Shape, State, Step
from nirx_conformance.oracle.spikes import fire
from nirx_conformance.oracle.synapse import current


class CubaLIF(OracleNode):
    """A reset changes v only, not the current."""

    neuron = True
    elementwise = ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in")

    def start(self, batch: Shape) -> State:
        shape = (*batch, *self.shape)
        return {"v": first_v(self.rule, self.numbers("v_leak"), shape), "i": np.zeros(shape)}

    def step(self, x: Array, state: State) -> Step:
        i = current(self.rule, self.numbers("tau_syn"), self.numbers("w_in"), state["i"], x)
        drive = i if self.rule.synapse == "current-first" else state["i"]
        tau, r, v_leak = self.numbers("tau_mem"), self.numbers("r"), self.numbers("v_leak")

        def li(v: Array) -> Array:
            return leak(self.rule, tau, r, v_leak, v, drive)

        threshold, v_reset = self.numbers("v_threshold"), self.numbers("v_reset")
        v, z, margin = fire(self.rule, threshold, v_reset, state["v"], li)
        return Step(z, {"v": v, "i": i}, margin)
