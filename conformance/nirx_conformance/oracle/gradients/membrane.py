"""The leaky membrane backwards, shared by LI, LIF, CubaLI and CubaLIF."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from nirx_conformance.oracle.gradients.node import NodeGradient, Terms
from nirx_conformance.oracle.membrane import fraction, gain
from nirx_conformance.oracle.node import Array


class Leaked(NamedTuple):
    """The gradients of the old v, of the input and of the parameters."""

    v: Array
    x: Array
    terms: Terms


class LeakyGradient(NodeGradient):
    """v + a * ((v_leak - v) + r * x), or v + a * (v_leak - v) + b * r * x, backwards."""

    tau: ClassVar[str] = "tau"

    def pull_leak(self, v: Array, x: Array, to_v: Array) -> Leaked:
        """One step of v, without spikes, backwards."""
        rule, tau = self.rule, self.numbers(self.tau)
        r, v_leak = self.numbers("r"), self.numbers("v_leak")
        a, b = fraction(rule, tau), gain(rule, tau)
        to_tau = self.slope_of_fraction(tau) * (v_leak - v) + self.slope_of_gain(tau) * r * x
        terms = {"r": to_v * b * x, "v_leak": to_v * a, self.tau: to_v * to_tau}
        return Leaked(to_v * (1 - a), to_v * b * r, terms)

    def slope_of_fraction(self, tau: Array) -> Array:
        """The derivative of a with respect to tau."""
        if self.rule.integrator == "exponential":
            return -np.exp(-self.rule.dt / tau) * self.rule.dt / tau**2
        return -self.rule.dt / tau**2

    def slope_of_gain(self, tau: Array) -> Array:
        """The derivative of the input's factor with respect to tau."""
        if self.rule.input_gain == "euler":
            return -self.rule.dt / tau**2
        return self.slope_of_fraction(tau)

    def first_v(self, to_v: Array) -> Terms:
        """The gradients of the parameters that the first v comes from."""
        return {"v_leak": to_v} if self.rule.initial_v == "leak" else {}
