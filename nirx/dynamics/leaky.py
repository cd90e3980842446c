"""LI and LIF: v = v + a*((v_leak - v) + r*x). **Source**: NIR, tau dv/dt = (v_leak - v) + R I."""

from __future__ import annotations

from nirx.dynamics.base import Arrays
from nirx.dynamics.coefficients import decay_fraction
from nirx.dynamics.neuron import Neuron
from nirx.dynamics.ops import Array, Ops

__all__ = ["LeakyIntegrateAndFire", "LeakyIntegrator", "leaky_step"]


def leaky_step(ops: Ops, c: Arrays, v: Array, current: Array) -> Array:
    """v + a*((v_leak - v) + r*current), in this order."""
    towards = ops.add(ops.sub(c["v_leak"], v), ops.mul(c["r"], current))
    return ops.add(v, ops.mul(c["a"], towards))


class LeakyIntegrator(Neuron):
    """LI: outputs v."""

    parameters = ("tau", "r", "v_leak")
    positive = ("tau",)

    def membrane_coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        a = decay_fraction(ops, self.rule.dt, p["tau"], self.rule.integrator)
        return {"a": a, "r": p["r"], "v_leak": p["v_leak"]}

    def integrate(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Array:
        return leaky_step(ops, c, v, current)


class LeakyIntegrateAndFire(LeakyIntegrator):
    """LIF: outputs spikes."""

    parameters = ("tau", "r", "v_leak", "v_threshold", "v_reset")
    spiking = True
    binary_output = True
