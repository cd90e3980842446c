"""The synaptic current of CubaLI and CubaLIF backwards."""

from __future__ import annotations

from typing import NamedTuple

from nirx_conformance.oracle.gradients.membrane import LeakyGradient
from nirx_conformance.oracle.gradients.node import Pull, Terms, added
from nirx_conformance.oracle.membrane import fraction, gain
from nirx_conformance.oracle.node import Array, State
from nirx_conformance.oracle.synapse import current


class Decayed(NamedTuple):
    """The gradients of the old i, of the input and of the parameters."""

    i: Array
    x: Array
    terms: Terms


class SynapseGradient(LeakyGradient):
    """i, and a membrane that the new or the old i drives."""

    tau = "tau_mem"

    def pull_current(self, i: Array, x: Array, to_i: Array) -> Decayed:
        """One step of i backwards, by the way in which the input arrives."""
        rule, tau, w = self.rule, self.numbers("tau_syn"), self.numbers("w_in")
        a, slope = fraction(rule, tau), self.slope_of_fraction(tau)
        if rule.synapse_input == "scaled":
            b = gain(rule, tau)
            to_tau = self.slope_of_gain(tau) * (w * x) - slope * i
            return Decayed(
                to_i * (1 - a), to_i * b * w, {"w_in": to_i * b * x, "tau_syn": to_i * to_tau}
            )
        if rule.synapse_input == "jump":
            return Decayed(
                to_i * (1 - a), to_i * w, {"w_in": to_i * x, "tau_syn": -to_i * slope * i}
            )
        to_j = self.after_the_jump(to_i, a)
        return Decayed(to_j, to_j * w, {"w_in": to_j * x, "tau_syn": -to_i * slope * (i + w * x)})

    def after_the_jump(self, to_i: Array, a: Array) -> Array:
        """The gradient of j, of which i = j - a * j."""
        return to_i * (1 - a)

    def drive(self, x: Array, state: State) -> Array:
        """What drives the membrane."""
        if self.rule.synapse == "voltage-first":
            return state["i"]
        return current(self.rule, self.numbers("tau_syn"), self.numbers("w_in"), state["i"], x)

    def pull_drive(self, x: Array, state: State, to_drive: Array, to_i: Array) -> Decayed:
        """`drive` and the step of i backwards."""
        if self.rule.synapse == "voltage-first":
            found = self.pull_current(state["i"], x, to_i)
            return found._replace(i=found.i + to_drive)
        return self.pull_current(state["i"], x, to_i + to_drive)

    def joined(self, to_v: Array, decayed: Decayed, terms: Terms) -> Pull:
        """The gradients of the whole step from those of its two parts."""
        all_terms = self.summed(added(terms, decayed.terms))
        return Pull(decayed.x, {"v": to_v, "i": decayed.i}, all_terms)
