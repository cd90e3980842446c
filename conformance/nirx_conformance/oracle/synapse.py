"""The synaptic current of CubaLI and CubaLIF: one step."""

from __future__ import annotations

from nirx.dynamics.discretization import Discretization
from nirx_conformance.oracle.membrane import fraction, gain
from nirx_conformance.oracle.node import Array


def current(rule: Discretization, tau_syn: Array, w_in: Array, i: Array, x: Array) -> Array:
    """i after a step on input x."""
    a = fraction(rule, tau_syn)
    if rule.synapse_input == "scaled" and rule.input_gain != "matched":
        return i - a * i + gain(rule, tau_syn) * (w_in * x)
    if rule.synapse_input == "scaled":
        return i + a * (w_in * x - i)
    if rule.synapse_input == "jump":
        return (i - a * i) + w_in * x
    j = i + w_in * x
    return j - a * j
