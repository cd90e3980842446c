"""The synaptic current of one neuron: one step."""

from __future__ import annotations

from typing import Any

from nirx_conformance.oracle.integers.arithmetic import Arithmetic
from nirx_conformance.oracle.integers.decay import constant, decay, fraction, gain
from nirx_conformance.oracle.integers.numbers import whole
from nirx_conformance.oracle.integers.overflow import over


class Synapse:
    """The synaptic current of CubaLI and CubaLIF."""

    def __init__(self, arithmetic: Arithmetic, rule: Any, tau_syn: float, w_in: float):
        self.arithmetic, self.rule = arithmetic, rule
        self.number = constant(arithmetic, fraction(rule, tau_syn))
        factor = gain(rule, tau_syn) if rule.synapse_input == "scaled" else 1.0
        self.gain = whole(w_in * factor, "the gain of the synapse's input")

    def step(self, i: int, x: int) -> tuple[int, int]:
        """i after a step on input x, and whether it overflowed (0 or 1)."""
        jumps_first = self.rule.synapse_input == "jump-then-decay"
        rest = i if jumps_first else decay(self.arithmetic, self.number, i)
        total = rest + self.gain * x
        fits = over(
            total,
            self.arithmetic.synapse_bits,
            self.arithmetic.synapse_overflow,
            self.arithmetic.limits,
        )
        after = decay(self.arithmetic, self.number, fits) if jumps_first else fits
        return after, int(fits != total)
