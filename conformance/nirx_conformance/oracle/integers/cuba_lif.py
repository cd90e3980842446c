"""CubaLIF: a synaptic current i, and a LIF driven by it; outputs spikes."""

from __future__ import annotations

from functools import cached_property

from nirx_conformance.oracle.integers.cuba_li import CubaLI
from nirx_conformance.oracle.integers.node import State, Step
from nirx_conformance.oracle.integers.numbers import Ints
from nirx_conformance.oracle.integers.spikes import Spiking


class CubaLIF(CubaLI):
    """A reset changes v only, not the current."""

    def step(self, x: Ints, state: State) -> Step:
        i, i_counts = self.currents(x, state)
        drive = i if self.rule.synapse == "current-first" else state["i"]
        fired = [s.fire(v, own) for s, v, own in zip(self.spiking, state["v"], drive, strict=True)]
        counts = [n + f.overflows for n, f in zip(state["v_overflows"], fired, strict=True)]
        v = [f.v for f in fired]
        new = {"v": v, "i": i, "v_overflows": counts, "i_overflows": i_counts}
        return Step([f.z for f in fired], new)

    @cached_property
    def spiking(self) -> list[Spiking]:
        each = zip(
            self.whole_each("v_threshold"), self.whole_each("v_reset"), self.updates, strict=True
        )
        return [Spiking(self.arithmetic, self.rule, *own) for own in each]
