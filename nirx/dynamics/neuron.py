"""`Neuron`: what all neurons share."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.dynamics.base import Arrays, Dynamics, Elementwise
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.parameters import NodeMismatch, parameter
from nirx.dynamics.spike import Fires, fire, spiking_coefficients, spiking_step

__all__ = ["Neuron"]

SUSPICIOUSLY_SMALL_RATIO = 1e-5


class Neuron(Elementwise):
    """A membrane potential v that integrates a current.

    A subclass defines `membrane_coefficients`, `integrate` and, if it has a synapse, `drive`.
    A `spiking` subclass has the parameters v_threshold and v_reset.
    """

    neuron = True

    @classmethod
    def build(
        cls, node: Any, rule: Discretization, input_shape: Shape, output_shape: Shape
    ) -> Dynamics:
        if cls.spiking and rule.spikes == "multi":
            theta = parameter(node, "v_threshold")
            if theta.size and not (theta > 0).all():
                raise NodeMismatch(
                    f'v_threshold is {float(theta.min())!r} and spikes="multi" divides by it',
                    "v_threshold > 0",
                )
        return cls(rule, input_shape, output_shape)

    @classmethod
    def warnings(cls, node: Any, rule: Discretization) -> list[str]:
        found = []
        for name in cls.positive:
            tau = np.asarray(parameter(node, name), np.float64)
            if not tau.size:
                continue
            if rule.integrator == "euler" and rule.dt > tau.min():
                found.append(
                    f"dt={rule.dt:g} is larger than {name}={tau.min():g}: forward Euler "
                    'overshoots; use a smaller dt or integrator="exponential"'
                )
            if rule.dt < SUSPICIOUSLY_SMALL_RATIO * tau.max():
                found.append(
                    f"dt={rule.dt:g} is below {SUSPICIOUSLY_SMALL_RATIO:g} of "
                    f"{name}={tau.max():g}: do dt and the time constants share a unit?"
                )
        return found

    def state_shapes(self) -> dict[str, Shape]:
        return {"v": self.output_shape}

    def initial_state(self, ops: Ops, p: Arrays, batch: Shape) -> dict[str, Array]:
        state = super().initial_state(ops, p, batch)
        if self.rule.initial_v == "leak" and "v_leak" in p:
            state["v"] = ops.add(state["v"], p["v_leak"])  # 0 + v_leak has the batch axes
        return state

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        c = self.membrane_coefficients(ops, p)
        return {**c, **spiking_coefficients(ops, self.rule, p)} if self.spiking else c

    def membrane_coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        """The factors that `integrate` and `drive` use, from the parameters."""
        raise NotImplementedError

    def integrate(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Array:
        """One step of v without spikes.

        Arguments:
            c: what `coefficients` returned.
            v: membrane potential [*batch, *features].
            current: what `drive` returned, not yet scaled by r.
        """
        raise NotImplementedError

    def drive(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        """The current into the membrane for an input x, and the new state of the synapse."""
        return x, {}

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        return self.step_with(ops, c, x, s, fire)

    def step_with(
        self, ops: Ops, c: Arrays, x: Array, s: Arrays, fires: Fires
    ) -> tuple[Array, dict[str, Array]]:
        """`step`, with another function that decides where there is a spike."""
        current, synapse = self.drive(ops, c, x, s)
        if self.spiking:
            y, v = spiking_step(
                ops, self.rule, c, s["v"], lambda v: self.integrate(ops, c, v, current), fires
            )
        else:
            v = self.integrate(ops, c, s["v"], current)
            y = s["v"] if self.rule.output == "old" else v
        return y, {"v": v, **synapse}
