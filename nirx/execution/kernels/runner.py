"""`FusedRunner`: a node whose chunks run in a fused kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from nirx.dynamics.base import Dynamics
from nirx.dynamics.expression import NotElementwise
from nirx.dynamics.ops import Array, Ops
from nirx.execution.kernels.plan import Plan
from nirx.execution.kernels.scan import fused_scan, traced
from nirx.execution.kernels.trace import TracedStep
from nirx.execution.runners import NativeRunner

__all__ = ["FusedRunner", "Host"]


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

    def kernel_step(self, ops: Ops, xs: Array) -> TracedStep | None:
        """The step of the present dynamics, or None for a chunk that is too small for a kernel or
        whose arithmetic is not that of a kernel."""
        worth = self.plan.is_worth_it(xs.shape[0], math.prod(xs.shape))
        if not (worth and self.host.stands_for(ops)):
            return None
        try:
            return traced(self.dynamics, *self.plan.mode)
        except NotElementwise:  # the dynamics are others than those of the plan
            return None

    def chunk(
        self, ops: Ops, c: Any, xs: Array, state: Any, record: tuple[str, ...]
    ) -> tuple[Array, Any, dict[str, Array]]:
        lent, step = None, self.kernel_step(ops, xs)
        if step is not None:
            lent = self.host.arrays(step.operands(xs, c, state))
        if step is None or lent is None:
            return super().chunk(ops, c, xs, state, record)
        x, coefficients, states = step.named(lent)
        features = self.dynamics.output_shape
        y, states, recorded = fused_scan(step, coefficients, x, states, features, record)
        give = self.host.result
        return (
            give(y),
            {name: give(s) for name, s in states.items()},
            {name: give(r) for name, r in recorded.items()},
        )
