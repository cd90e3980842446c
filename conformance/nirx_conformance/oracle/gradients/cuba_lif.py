"""CubaLIF backwards."""

from __future__ import annotations

from nirx_conformance.oracle.gradients.node import Pull
from nirx_conformance.oracle.gradients.spikes import SpikingGradient
from nirx_conformance.oracle.gradients.synapse import SynapseGradient
from nirx_conformance.oracle.membrane import leak
from nirx_conformance.oracle.node import Array, State


class CubaLIFGradient(SynapseGradient, SpikingGradient):
    """Outputs spikes; a reset changes v only."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        tau, r, v_leak = self.numbers("tau_mem"), self.numbers("r"), self.numbers("v_leak")
        drive = self.drive(x, state)
        fired = self.pull_fire(
            state["v"],
            lambda v: leak(self.rule, tau, r, v_leak, v, drive),
            lambda v, to_v: self.pull_leak(v, drive, to_v),
            to_y,
            to_state["v"],
        )
        decayed = self.pull_drive(x, state, fired.x, to_state["i"])
        return self.joined(fired.v, decayed, fired.terms)
