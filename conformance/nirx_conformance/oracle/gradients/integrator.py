"""I backwards, and the integration that it shares with IF."""

from __future__ import annotations

from nirx_conformance.oracle.gradients.membrane import Leaked
from nirx_conformance.oracle.gradients.node import NodeGradient, Pull
from nirx_conformance.oracle.node import Array, State


class IntegrationGradient(NodeGradient):
    """v + (dt * r) * x backwards."""

    def pull_sum(self, x: Array, to_v: Array) -> Leaked:
        """One step of v, without spikes, backwards."""
        dt = self.rule.dt
        return Leaked(to_v, to_v * dt * self.numbers("r"), {"r": to_v * dt * x})


class IGradient(IntegrationGradient):
    """Outputs the new v, or the old one."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        late = self.rule.output == "old"
        found = self.pull_sum(x, to_state["v"] if late else to_state["v"] + to_y)
        to_v = found.v + to_y if late else found.v
        return Pull(found.x, {"v": to_v}, self.summed(found.terms))
