"""IF: v' = v + g * x, then spike and reset."""

from __future__ import annotations

from functools import cached_property

from nirx_conformance.oracle.integers.lif import LIF
from nirx_conformance.oracle.integers.membrane import integrating
from nirx_conformance.oracle.integers.node import State
from nirx_conformance.oracle.integers.spikes import Spiking


class IF(LIF):
    """A LIF without a leak, which starts at 0."""

    def start(self) -> State:
        return {"v": [0] * self.size, "v_overflows": [0] * self.size}

    @cached_property
    def spiking(self) -> list[Spiking]:
        each = zip(
            self.each("r"), self.whole_each("v_threshold"), self.whole_each("v_reset"), strict=True
        )
        return [
            Spiking(
                self.arithmetic,
                self.rule,
                threshold,
                v_reset,
                integrating(self.arithmetic, self.rule, r),
            )
            for r, threshold, v_reset in each
        ]
