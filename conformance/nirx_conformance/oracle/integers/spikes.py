"""When one neuron spikes, what a spike does to v, and the order of leak, spike and reset."""

from __future__ import annotations

from typing import Any, NamedTuple

from nirx_conformance.oracle.integers.arithmetic import Arithmetic
from nirx_conformance.oracle.integers.membrane import Settled, Update, settle


class Fired(NamedTuple):
    """v after the step, the output spikes, and how often v overflowed."""

    v: int
    z: int
    overflows: int


class Spiking:
    """The spikes of one neuron.

    Arguments:
        threshold, v_reset: mantissas, still to be shifted.
        update: its membrane without spikes.
    """

    def __init__(
        self, arithmetic: Arithmetic, rule: Any, threshold: int, v_reset: int, update: Update
    ):
        self.arithmetic, self.rule, self.update = arithmetic, rule, update
        self.threshold = threshold << arithmetic.threshold_shift
        self.v_reset = v_reset << arithmetic.threshold_shift

    def fire(self, v_old: int, x: int) -> Fired:
        """One step."""
        before = self.spikes(v_old)
        if self.rule.reset_when == "same":
            leaked = self.update(v_old, x)
            now = self.spikes(leaked.v)
            v, overflows = self.reset(leaked.v, now)
            overflows += leaked.overflowed
        elif self.rule.reset_when == "next":
            leaked = self.update(v_old, x)
            v, overflows = self.reset(leaked.v, before)
            overflows += leaked.overflowed
            now = self.spikes(v)
        else:
            cleared = self.reset(v_old, before)
            v, overflows = self.update(cleared.v, x)
            overflows += cleared.overflowed
            now = self.spikes(v)
        return Fired(v, before if self.rule.output == "old" else now, overflows)

    def spikes(self, v: int) -> int:
        """The number of spikes at v."""
        if self.rule.spikes == "single":
            return int(v >= self.threshold if self.rule.threshold == "ge" else v > self.threshold)
        n = max(v // self.threshold, 0)
        return n if self.rule.max_spikes is None else min(n, self.rule.max_spikes)

    def reset(self, v: int, z: int) -> Settled:
        """v after z spikes."""
        if z == 0 or self.rule.reset == "none":
            return Settled(v, 0)
        if self.rule.reset == "subtract":
            return settle(self.arithmetic, v - z * self.threshold)
        return Settled(self.v_reset, 0)
