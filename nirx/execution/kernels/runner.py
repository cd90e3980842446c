"""`FusedRunner`: a node whose chunks run in a fused kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from nirx.dynamics.base import Dynamics
from nirx.dynamics.ops import Array, Ops
from nirx.execution.kernels.plan import Plan
from nirx.execution.kernels.scan import fused_scan
from nirx.execution.kernels.trace import TracedStep
from nirx.execution.runners import NativeRunner

__all__ = ["FusedRunner", "Host", "NumpyHost", "native_runner"]


class Host(Protocol):
    """How a backend's arrays get to a kernel and back, without copies where possible."""

    def arrays(self, arrays: Sequence[Array]) -> list[np.ndarray] | None:
        """The same numbers as NumPy arrays, or None where these arrays cannot be lent."""
        ...

    def result(self, array: np.ndarray) -> Array:
        """A kernel's result as an array of the backend."""
        ...


class NumpyHost:
    """See `Host`."""

    def arrays(self, arrays: Sequence[Array]) -> list[np.ndarray] | None:
        return list(arrays)

    def result(self, array: np.ndarray) -> Array:
        return array


class FusedRunner(NativeRunner):
    """Runs chunks in a kernel, single steps as `NativeRunner` does."""

    def __init__(
        self,
        dynamics: Dynamics,
        parameters: Mapping[str, Array],
        step: TracedStep,
        plan: Plan,
        host: Host,
    ):
        super().__init__(dynamics, parameters)
        self.traced, self.plan, self.host = step, plan, host

    def chunk(
        self, ops: Ops, c: Any, xs: Array, state: Any, record: tuple[str, ...]
    ) -> tuple[Array, Any, dict[str, Array]]:
        steps, features = xs.shape[0], self.dynamics.output_shape
        lent = None
        if self.plan.is_worth_it(steps, math.prod(xs.shape)):
            names = self.traced.coefficients, self.traced.states
            lent = self.host.arrays([xs, *(c[k] for k in names[0]), *(state[k] for k in names[1])])
        if lent is None:
            return super().chunk(ops, c, xs, state, record)
        x, *rest = lent
        coefficients = dict(zip(self.traced.coefficients, rest, strict=False))
        states = dict(zip(self.traced.states, rest[len(coefficients) :], strict=True))
        y, states, recorded = fused_scan(self.traced, coefficients, x, states, features, record)
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
    step = plan.choices[position].step
    if step is None:
        return NativeRunner(dynamics, parameters)
    return FusedRunner(dynamics, parameters, step, plan, host)
