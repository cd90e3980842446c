"""CubaLI backwards."""

from __future__ import annotations

from nirx_conformance.oracle.gradients.node import Pull
from nirx_conformance.oracle.gradients.synapse import SynapseGradient
from nirx_conformance.oracle.node import Array, State


class CubaLIGradient(SynapseGradient):
    """Outputs the new v, or the old one."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        late = self.rule.output == "old"
        to_new = to_state["v"] if late else to_state["v"] + to_y
        leaked = self.pull_leak(state["v"], self.drive(x, state), to_new)
        to_v = leaked.v + to_y if late else leaked.v
        decayed = self.pull_drive(x, state, leaked.x, to_state["i"])
        return self.joined(to_v, decayed, leaked.terms)
