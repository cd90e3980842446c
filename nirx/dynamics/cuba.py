"""CubaLI and CubaLIF: a synaptic current i, then the LI or LIF step.

**Source**: NIR, tau_syn di/dt = -i + w_in x and tau_mem dv/dt = (v_leak - v) + R i.
"""

from __future__ import annotations

from nirx.dynamics.base import Arrays
from nirx.dynamics.coefficients import decay_fraction, input_fraction
from nirx.dynamics.leaky import leaky_coefficients, leaky_step
from nirx.dynamics.neuron import Neuron
from nirx.dynamics.ops import Array, Ops, Shape

__all__ = ["CurrentBasedIntegrateAndFire", "CurrentBasedIntegrator"]


class CurrentBasedIntegrator(Neuron):
    """CubaLI: outputs v."""

    parameters = ("tau_syn", "tau_mem", "r", "v_leak", "w_in")
    positive = ("tau_syn", "tau_mem")

    def state_shapes(self) -> dict[str, Shape]:
        return {"v": self.output_shape, "i": self.output_shape}

    def membrane_coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        d, tau_syn = self.rule, p["tau_syn"]
        c = {
            **leaky_coefficients(ops, d, p, p["tau_mem"]),
            "a_syn": decay_fraction(ops, d.dt, tau_syn, d.integrator),
            "w_in": p["w_in"],
        }
        if d.input_gain == "euler" and d.synapse_input == "scaled":
            b = input_fraction(ops, d.dt, tau_syn, d.integrator, d.input_gain)
            c["gain_syn"] = ops.mul(b, p["w_in"])
        return c

    def integrate(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Array:
        return leaky_step(ops, c, v, current)

    def drive(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        old = s["i"]
        if "gain_syn" in c:
            change = ops.sub(ops.mul(c["gain_syn"], x), ops.mul(c["a_syn"], old))
            new = ops.add(old, change)
            return (old if self.rule.synapse == "voltage-first" else new), {"i": new}
        jump = ops.mul(c["w_in"], x)
        if self.rule.synapse_input == "scaled":
            new = ops.add(old, ops.mul(c["a_syn"], ops.sub(jump, old)))
        elif self.rule.synapse_input == "jump":
            new = ops.add(ops.sub(old, ops.mul(c["a_syn"], old)), jump)
        else:
            full = ops.add(old, jump)
            new = ops.sub(full, ops.mul(c["a_syn"], full))
        return (old if self.rule.synapse == "voltage-first" else new), {"i": new}


class CurrentBasedIntegrateAndFire(CurrentBasedIntegrator):
    """CubaLIF: outputs spikes."""

    parameters = ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in")
    spiking = True
    binary_output = True
