"""What all neurons share: the membrane's state, its shape rule and its checks."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.dynamics.base import (
    Arrays,
    Dynamics,
    NodeMismatch,
    common_shape,
    parameter,
    require_broadcast,
)
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.spike import spiking_coefficients, spiking_step

__all__ = ["Neuron"]

SUSPICIOUSLY_SMALL_RATIO = 1e-5


class Neuron(Dynamics):
    """A membrane potential v driven by a current; subclasses say how both move.

    A subclass gives `membrane_coefficients`, `integrate` and, if it has a synapse,
    `drive`. One that is `spiking` has v_threshold and v_reset.
    """

    neuron = True

    @classmethod
    def check(cls, node: Any) -> None:
        common_shape(node, cls.parameters)

    @classmethod
    def declared_shapes(cls, node: Any) -> tuple[Shape | None, Shape | None]:
        shape = common_shape(node, cls.parameters)
        return shape, shape

    @classmethod
    def infer_shape(cls, node: Any, input_shape: Shape) -> Shape:
        require_broadcast(node, cls.parameters, input_shape)
        return input_shape

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
            if rule.dt / tau.max() < SUSPICIOUSLY_SMALL_RATIO:
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
            state["v"] = ops.add(state["v"], p["v_leak"])  # 0 + v_leak: the batch's shape
        return state

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        c = self.membrane_coefficients(ops, p)
        return {**c, **spiking_coefficients(ops, self.rule, p)} if self.spiking else c

    def membrane_coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        """What `integrate` and `drive` multiply by, from the parameters."""
        raise NotImplementedError

    def integrate(self, ops: Ops, c: Arrays, v: Array, current: Array) -> Array:
        """One step of v without spikes; the current is not yet scaled by r."""
        raise NotImplementedError

    def drive(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        """The current into the membrane, and the synapse's new state."""
        return x, {}

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        current, synapse = self.drive(ops, c, x, s)
        if self.spiking:
            y, v = spiking_step(
                ops, self.rule, c, s["v"], lambda v: self.integrate(ops, c, v, current)
            )
        else:
            v = self.integrate(ops, c, s["v"], current)
            y = s["v"] if self.rule.output == "old" else v
        return y, {"v": v, **synapse}
