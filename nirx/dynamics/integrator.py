"""I and IF: v = v + (dt*r)*x. **Source**: NIR, dv/dt = R I."""

from __future__ import annotations

from nirx.dynamics.base import Arrays
from nirx.dynamics.neuron import Neuron
from nirx.dynamics.ops import Array, Ops

__all__ = ["Integrator", "IntegrateAndFire"]


class Integrator(Neuron):
    """I: outputs v."""

    parameters = ("r",)

    def membrane_coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        return {"gain": ops.mul(ops.constant(self.rule.dt), p["r"])}

    def integrate(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Array:
        return ops.add(v, ops.mul(c["gain"], current))


class IntegrateAndFire(Integrator):
    """IF: outputs spikes."""

    parameters = ("r", "v_threshold", "v_reset")
    spiking = True
    binary_output = True
