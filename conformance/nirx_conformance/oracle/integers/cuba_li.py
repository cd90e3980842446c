"""CubaLI: a synaptic current i, and an LI driven by it; outputs v."""

from __future__ import annotations

from functools import cached_property

from nirx_conformance.oracle.integers.membrane import Update, first_v, leaky
from nirx_conformance.oracle.integers.node import IntegerNode, State, Step
from nirx_conformance.oracle.integers.numbers import Ints
from nirx_conformance.oracle.integers.synapse import Synapse


class CubaLI(IntegerNode):
    """v is driven by the new i, or by the old one (`synapse="voltage-first"`)."""

    neuron = True

    def start(self) -> State:
        v = [first_v(self.rule, v_leak) for v_leak in self.each("v_leak")]
        zeros = {name: [0] * self.size for name in ("i", "v_overflows", "i_overflows")}
        return {"v": v, **zeros}

    def step(self, x: Ints, state: State) -> Step:
        i, i_counts = self.currents(x, state)
        drive = i if self.rule.synapse == "current-first" else state["i"]
        settled = [u(v, own) for u, v, own in zip(self.updates, state["v"], drive, strict=True)]
        v = [s.v for s in settled]
        counts = [n + s.overflowed for n, s in zip(state["v_overflows"], settled, strict=True)]
        y = state["v"] if self.rule.output == "old" else v
        return Step(y, {"v": v, "i": i, "v_overflows": counts, "i_overflows": i_counts})

    def currents(self, x: Ints, state: State) -> tuple[Ints, Ints]:
        """The new i, and how often it overflowed so far."""
        both = [s.step(i, own) for s, i, own in zip(self.synapses, state["i"], x, strict=True)]
        counts = [n + more for n, (_, more) in zip(state["i_overflows"], both, strict=True)]
        return [i for i, _ in both], counts

    @cached_property
    def synapses(self) -> list[Synapse]:
        each = zip(self.each("tau_syn"), self.each("w_in"), strict=True)
        return [Synapse(self.arithmetic, self.rule, *own) for own in each]

    @cached_property
    def updates(self) -> list[Update]:
        each = zip(self.each("tau_mem"), self.each("r"), self.each("v_leak"), strict=True)
        return [leaky(self.arithmetic, self.rule, *own) for own in each]
