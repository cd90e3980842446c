"""Delay: each element is delayed by rint(delay/dt) steps. **Source**: NIR, y(t) = x(t - tau)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nirx.dynamics.base import Arrays, Dynamics, Elementwise
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.parameters import NodeMismatch, check_finite, parameter

__all__ = ["Delay"]

OFF_GRID = 1e-3
MOST_STEPS = 10_000_000


@dataclass(frozen=True)
class Delay(Elementwise):
    """A buffer [*batch, steps, *features], oldest first; no buffer if every delay is 0 steps.

    `steps` is static (it is the length of the buffer), so a delay is not trainable.
    """

    steps: tuple[int, ...] = field(default=(), repr=False)
    """Whole steps: one for all elements, or one per element in C order of the features."""

    constants = ("delay",)

    @classmethod
    def check(cls, node: Any) -> None:
        check_finite(node, ("delay",))
        delay = parameter(node, "delay")
        if delay.size and delay.min() < 0:
            raise NodeMismatch(f"delay is {float(delay.min())!r}", "delay >= 0")

    @classmethod
    def build(
        cls, node: Any, rule: Discretization, input_shape: Shape, output_shape: Shape
    ) -> Dynamics:
        exact = _exact_steps(node, rule)
        if exact.size and exact.max() > MOST_STEPS:
            raise NodeMismatch(
                f"delay {float(parameter(node, 'delay').max()):g} is {exact.max():g} steps of "
                f"dt={rule.dt:g}",
                f"at most {MOST_STEPS} steps",
                "do dt and the delay share a unit?",
            )
        steps = np.rint(exact).astype(np.int64)
        if steps.size and steps.min() == steps.max():
            return cls(rule, input_shape, output_shape, (int(steps.min()),))
        steps = np.broadcast_to(steps, input_shape)
        return cls(rule, input_shape, output_shape, tuple(steps.reshape(-1).tolist()))

    @classmethod
    def warnings(cls, node: Any, rule: Discretization) -> list[str]:
        delay = parameter(node, "delay").astype(np.float64)
        exact = _exact_steps(node, rule)
        steps = np.rint(exact)
        off = (np.abs(exact - steps) > OFF_GRID) | ((delay > 0) & (steps == 0))
        if not off.any():
            return []
        return [
            f"delay {delay[off].flat[0]:g} is {exact[off].flat[0]:g} steps of dt={rule.dt:g}; "
            f"it runs as {steps[off].flat[0]:g} whole steps; choose a dt that divides the delays"
        ]

    @property
    def length(self) -> int:
        """Number of steps in the buffer."""
        return max(self.steps, default=0)

    @property
    def whole_step_delay(self) -> bool:
        return min(self.steps, default=0) >= 1

    def state_shapes(self) -> dict[str, Shape]:
        return {"buffer": (self.length, *self.output_shape)} if self.length else {}

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        return {}

    def emit(self, ops: Ops, s: Arrays) -> Array:
        """The output of the next step; needs a `whole_step_delay`."""
        history = ops.moveaxis(s["buffer"], self._time_axis(s["buffer"]), 0)
        return self._read(ops, history, 1)[0]

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        ys, s, _ = self.chunk(ops, c, x[None], dict(s), ())
        return ys[0], s

    def chunk(
        self, ops: Ops, c: Arrays, xs: Array, s: dict[str, Array], record: tuple[str, ...]
    ) -> tuple[Array, dict[str, Array], dict[str, Array]]:
        if not self.length:
            return xs, {}, {}
        axis = self._time_axis(s["buffer"])
        history = ops.concatenate([ops.moveaxis(s["buffer"], axis, 0), xs])
        time = xs.shape[0]
        recorded = {}
        if record:
            window = np.arange(self.length) + np.arange(1, time + 1)[:, None]
            recorded["buffer"] = ops.moveaxis(history[window], 1, axis + 1)
        buffer = ops.moveaxis(history[time:], 0, axis)
        return self._read(ops, history, time), {"buffer": buffer}, recorded

    def _time_axis(self, buffer: Array) -> int:
        return buffer.ndim - 1 - len(self.output_shape)

    def _read(self, ops: Ops, history: Array, time: int) -> Array:
        # Entry `length + t` of history is the input of step t.
        if min(self.steps) == self.length:
            return history[:time]
        steps = np.reshape(np.asarray(self.steps, np.int64), self.output_shape)
        rows = np.arange(time).reshape((time, *(1,) * steps.ndim))
        index = self.length + rows - steps
        batch_axes = history.ndim - 1 - steps.ndim
        return ops.take_along_time(history, index.reshape((time, *(1,) * batch_axes, *steps.shape)))


def _exact_steps(node: Any, rule: Discretization) -> np.ndarray:
    with np.errstate(over="ignore"):  # `build` refuses infinitely many steps
        return parameter(node, "delay").astype(np.float64) / rule.dt
