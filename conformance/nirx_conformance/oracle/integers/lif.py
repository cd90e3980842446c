"""LIF: the step of an LI, then spike and reset."""

from __future__ import annotations

from functools import cached_property

from nirx_conformance.oracle.integers.membrane import first_v, leaky
from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints
from nirx_conformance.oracle.integers.spikes import Spiking


class LIF(IntegerNode):
    """Outputs spikes."""

    neuron = True

    def start(self) -> State:
        v = [first_v(self.rule, v_leak) for v_leak in self.each("v_leak")]
        return {"v": v, "v_overflows": [0] * self.size}

    def step(self, x: Ints, state: State) -> Step:
        fired = [s.fire(v, own) for s, v, own in zip(self.spiking, state["v"], x, strict=True)]
        counts = [n + f.overflows for n, f in zip(state["v_overflows"], fired, strict=True)]
        return Step([f.z for f in fired], {"v": [f.v for f in fired], "v_overflows": counts})

    @cached_property
    def spiking(self) -> list[Spiking]:
        each = zip(
            self.each("tau"),
            self.each("r"),
            self.each("v_leak"),
            self.whole_each("v_threshold"),
            self.whole_each("v_reset"),
            strict=True,
        )
        return [
            Spiking(
                self.arithmetic,
                self.rule,
                threshold,
                v_reset,
                leaky(self.arithmetic, self.rule, tau, r, v_leak),
            )
            for tau, r, v_leak, threshold, v_reset in each
        ]
