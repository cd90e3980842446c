"""LI and LIF: v = v + a*((v_leak - v) + r*x), or v + (a*(v_leak - v) + (b*r)*x).

**Source**: NIR, tau dv/dt = (v_leak - v) + R I. The second form is that of importers that let v
decay exponentially but scale the input by b = dt/tau (`input_gain="euler"`).
"""

from __future__ import annotations

from nirx.dynamics.base import Arrays
from nirx.dynamics.coefficients import decay_fraction, input_fraction
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.neuron import Neuron
from nirx.dynamics.ops import Array, Ops

__all__ = ["LeakyIntegrateAndFire", "LeakyIntegrator", "leaky_coefficients", "leaky_step"]


def leaky_coefficients(ops: Ops, rule: Discretization, p: Arrays, tau: Array) -> dict[str, Array]:
    """What `leaky_step` needs: a, r, v_leak and, if the input has a gain of its own, b*r."""
    c = {
        "a": decay_fraction(ops, rule.dt, tau, rule.integrator),
        "r": p["r"],
        "v_leak": p["v_leak"],
    }
    if rule.input_gain == "euler":
        b = input_fraction(ops, rule.dt, tau, rule.integrator, rule.input_gain)
        c["gain"] = ops.mul(b, p["r"])
    return c


def leaky_step(ops: Ops, c: Arrays, v: Array, current: Array) -> Array:
    """v + a*((v_leak - v) + r*current), or v + (a*(v_leak - v) + gain*current), in this order."""
    if "gain" in c:
        leaked = ops.mul(c["a"], ops.sub(c["v_leak"], v))
        return ops.add(v, ops.add(leaked, ops.mul(c["gain"], current)))
    towards = ops.add(ops.sub(c["v_leak"], v), ops.mul(c["r"], current))
    return ops.add(v, ops.mul(c["a"], towards))


class LeakyIntegrator(Neuron):
    """LI: outputs v."""

    parameters = ("tau", "r", "v_leak")
    positive = ("tau",)

    def membrane_coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        return leaky_coefficients(ops, self.rule, p, p["tau"])

    def integrate(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Array:
        return leaky_step(ops, c, v, current)


class LeakyIntegrateAndFire(LeakyIntegrator):
    """LIF: outputs spikes."""

    parameters = ("tau", "r", "v_leak", "v_threshold", "v_reset")
    spiking = True
    binary_output = True
