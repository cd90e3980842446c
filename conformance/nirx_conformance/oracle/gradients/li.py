"""LI backwards."""

from __future__ import annotations

from nirx_conformance.oracle.gradients.membrane import LeakyGradient
from nirx_conformance.oracle.gradients.node import Pull
from nirx_conformance.oracle.node import Array, State


class LIGradient(LeakyGradient):
    """Outputs the new v, or the old one."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        late = self.rule.output == "old"
        to_new = to_state["v"] if late else to_state["v"] + to_y
        leaked = self.pull_leak(state["v"], x, to_new)
        to_v = leaked.v + to_y if late else leaked.v
        return Pull(leaked.x, {"v": to_v}, self.summed(leaked.terms))
