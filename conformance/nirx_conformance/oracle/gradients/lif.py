"""LIF backwards."""

from __future__ import annotations

from nirx_conformance.oracle.gradients.membrane import LeakyGradient
from nirx_conformance.oracle.gradients.node import Pull
from nirx_conformance.oracle.gradients.spikes import SpikingGradient
from nirx_conformance.oracle.membrane import leak
from nirx_conformance.oracle.node import Array, State


class LIFGradient(LeakyGradient, SpikingGradient):
    """Outputs spikes."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        tau, r, v_leak = self.numbers("tau"), self.numbers("r"), self.numbers("v_leak")
        fired = self.pull_fire(
            state["v"],
            lambda v: leak(self.rule, tau, r, v_leak, v, x),
            lambda v, to_v: self.pull_leak(v, x, to_v),
            to_y,
            to_state["v"],
        )
        return Pull(fired.x, {"v": fired.v}, self.summed(fired.terms))
