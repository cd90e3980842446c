"""The leaky membrane shared by LI, LIF, CubaLI and CubaLIF: its step and its initial value."""

from __future__ import annotations

import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx_conformance.oracle.node import Array, Shape


def fraction(rule: Discretization, tau: Array) -> Array:
    """The fraction of the distance to its target that a leaky variable covers in one step."""
    if rule.integrator == "exponential":
        return -np.expm1(-rule.dt / tau)
    return rule.dt / tau


def gain(rule: Discretization, tau: Array) -> Array:
    """The factor of the input in one step: Euler's, or the fraction that decays."""
    return rule.dt / tau if rule.input_gain == "euler" else fraction(rule, tau)


def leak(rule: Discretization, tau: Array, r: Array, v_leak: Array, v: Array, x: Array) -> Array:
    """v + a * ((v_leak - v) + r * x), the input with a gain of its own if the rule says so."""
    if rule.input_gain != "matched":
        return v + fraction(rule, tau) * (v_leak - v) + gain(rule, tau) * r * x
    return v + fraction(rule, tau) * ((v_leak - v) + r * x)


def first_v(rule: Discretization, v_leak: Array, shape: Shape) -> Array:
    """The membrane potential before the first step."""
    return np.array(np.broadcast_to(v_leak if rule.initial_v == "leak" else 0.0, shape), float)
