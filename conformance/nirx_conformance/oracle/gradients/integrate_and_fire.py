"""IF backwards."""

from __future__ import annotations

from nirx_conformance.oracle.gradients.integrator import IntegrationGradient
from nirx_conformance.oracle.gradients.node import Pull
from nirx_conformance.oracle.gradients.spikes import SpikingGradient
from nirx_conformance.oracle.node import Array, State


class IFGradient(IntegrationGradient, SpikingGradient):
    """Outputs spikes."""

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        step = (self.rule.dt * self.numbers("r")) * x
        fired = self.pull_fire(
            state["v"],
            lambda v: v + step,
            lambda v, to_v: self.pull_sum(x, to_v),
            to_y,
            to_state["v"],
        )
        return Pull(fired.x, {"v": fired.v}, self.summed(fired.terms))
