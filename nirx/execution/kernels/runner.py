"""`FusedRunner`: a node whose chunks run in a fused kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from nirx.dynamics.base import Dynamics
from nirx.dynamics.ops import Array, Ops
from nirx.execution.kernels.plan import Plan
from nirx.execution.kernels.scan import fused_scan, traced
from nirx.execution.kernels.trace import TracedStep
from nirx.execution.runners import NativeRunner

__all__ = ["FusedRunner", "Host", "native_runner"]


class Host(Protocol):
    """How a backend's arrays get to a kernel and back, without copies where possible."""

    def stands_for(self, ops: Ops) -> bool:
        """Whether kernels compute what these operations compute: no subclass has changed one."""
        ...

    def arrays(self, arrays: Sequence[Array]) -> list[np.ndarray] | None:
        """The same numbers as NumPy arrays, or None where these arrays cannot be lent."""
        ...

    def result(self, array: np.ndarray) -> Array:
        """A kernel's result as an array of the backend."""
        ...


class FusedRunner(NativeRunner):
    """Runs chunks in a kernel, single steps as `NativeRunner` does."""

    def __init__(
        self,
        dynamics: Dynamics,
        parameters: Mapping[str, Array],
        plan: Plan,
        host: Host,
    ):
        super().__init__(dynamics, parameters)
        self.plan, self.host = plan, host

    @property
    def traced(self) -> TracedStep:
        """The step of the present dynamics."""
        return traced(self.dynamics, *self.plan.mode)

    def uses_kernel(self, ops: Ops, xs: Array) -> bool:
        """Whether a chunk is large enough for a kernel, and a kernel would compute the same."""
        worth = self.plan.is_worth_it(xs.shape[0], math.prod(xs.shape))
        return worth and self.host.stands_for(ops)

    def chunk(
        self, ops: Ops, c: Any, xs: Array, state: Any, record: tuple[str, ...]
    ) -> tuple[Array, Any, dict[str, Array]]:
        lent, step = None, self.traced
        if self.uses_kernel(ops, xs):
            lent = self.host.arrays(
                [xs, *(c[k] for k in step.coefficients), *(state[k] for k in step.states)]
            )
        if lent is None:
            return super().chunk(ops, c, xs, state, record)
        x, *rest = lent
        coefficients = dict(zip(step.coefficients, rest, strict=False))
        states = dict(zip(step.states, rest[len(coefficients) :], strict=True))
        features = self.dynamics.output_shape
        y, states, recorded = fused_scan(step, coefficients, x, states, features, record)
        give = self.host.result
        return (
            give(y),
            {name: give(s) for name, s in states.items()},
            {name: give(r) for name, r in recorded.items()},
        )


def native_runner(
    plan: Plan, position: int, dynamics: Dynamics, parameters: Mapping[str, Array], host: Host
) -> NativeRunner:
    """The runner that a plan chose for a node."""
    if plan.choices[position].how != "fused":
        return NativeRunner(dynamics, parameters)
    return FusedRunner(dynamics, parameters, plan, host)
