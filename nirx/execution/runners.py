"""Runners: each executes one node, by nirx's own dynamics or by a user's module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from nirx.dynamics.base import Dynamics
from nirx.dynamics.delay import Delay
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.errors import InputError

__all__ = ["ForeignRunner", "NativeRunner", "Runner", "takes_state"]


class Runner(Protocol):
    """One node of the schedule with its arrays: all that the executor sees of a node."""

    foreign: bool
    has_memory: bool

    def coefficients(self, ops: Ops) -> Any:
        """The coefficients of a step; computed once per run and passed to it as `c`."""
        ...

    def initial_state(self, ops: Ops, batch: Shape) -> Any:
        """The node's own state before the first step, or None if its first step creates it."""
        ...

    def emit(self, ops: Ops, state: Any) -> Array:
        """The coming step's output of a deferred node, before its input is known."""
        ...

    def step(self, ops: Ops, c: Any, x: Array, state: Any) -> tuple[Array, Any]:
        """One step: x [*batch, *features] to output and new state."""
        ...

    def chunk(
        self, ops: Ops, c: Any, xs: Array, state: Any, record: tuple[str, ...]
    ) -> tuple[Array, Any, dict[str, Array]]:
        """Many steps: xs [time, *batch, *features] to outputs, last state, recordings by name."""
        ...

    def variable(self, state: Any, name: str) -> Array:
        """A variable of the node's own state, to be recorded."""
        ...


class NativeRunner:
    """A node that runs by its `Dynamics` over the backend's own parameter arrays.

    Arguments:
        surrogate: the gradient of its spikes; None for that of the operations.
    """

    foreign = False

    def __init__(
        self,
        dynamics: Dynamics,
        parameters: Mapping[str, Array],
        surrogate: Surrogate | None = None,
    ):
        self.dynamics = dynamics
        self.parameters = parameters
        self.surrogate = surrogate
        self.has_memory = bool(dynamics.state_shapes())

    def _ops(self, ops: Ops) -> Ops:
        return ops if self.surrogate is None else ops.using(self.surrogate)

    def _used(self, ops: Ops) -> dict[str, Array]:
        return {name: ops.use(value) for name, value in self.parameters.items()}

    def coefficients(self, ops: Ops) -> Any:
        return self.dynamics.coefficients(ops, self._used(ops)) if self.parameters else {}

    def initial_state(self, ops: Ops, batch: Shape) -> Any:
        used = self._used(ops) if self.has_memory else {}  # weights are not looked at in vain
        return self.dynamics.initial_state(ops, used, batch)

    def emit(self, ops: Ops, state: Any) -> Array:
        assert isinstance(self.dynamics, Delay), "only whole-step Delays are deferred"
        return self.dynamics.emit(ops, state)

    def step(self, ops: Ops, c: Any, x: Array, state: Any) -> tuple[Array, Any]:
        return self.dynamics.step(self._ops(ops), c, x, state)

    def chunk(
        self, ops: Ops, c: Any, xs: Array, state: Any, record: tuple[str, ...]
    ) -> tuple[Array, Any, dict[str, Array]]:
        return self.dynamics.chunk(self._ops(ops), c, xs, state, record)

    def variable(self, state: Any, name: str) -> Array:
        return state[name]


class ForeignRunner:
    """A node that a `node_map` entry runs: `x -> y`, or `(x, state) -> (y, state)`.

    It is called once per step. Its state may have any form; before the first step it is what
    `init_state(batch_shape)` returns, or None. `state_variables(state)`, if the module has it,
    gives the variables of the NIR node by name, so that they can be recorded.
    """

    foreign = True

    def __init__(
        self,
        name: str,
        module: Any,
        call: Callable[..., Any],
        output_shape: Shape,
        signature: Callable[..., Any] | None = None,
    ):
        self.name, self.module, self.call = name, module, call
        self.output_shape = output_shape
        self.has_memory = takes_state(signature or call)

    def coefficients(self, ops: Ops) -> Any:
        return None

    def initial_state(self, ops: Ops, batch: Shape) -> Any:
        start = getattr(self.module, "init_state", None)
        return start(batch) if self.has_memory and callable(start) else None

    def emit(self, ops: Ops, state: Any) -> Array:
        raise AssertionError("only nirx's own Delays are deferred")

    def step(self, ops: Ops, c: Any, x: Array, state: Any) -> tuple[Array, Any]:
        result = self.called(x, state)
        if not (isinstance(result, tuple) and len(result) == 2):
            raise InputError(
                f"{self.name!r}: the module of node_map takes a state but returned a "
                f"{type(result).__name__}; expected (y, state)"
            )
        y, state = result
        if not (hasattr(y, "shape") and hasattr(y, "ndim")):
            raise InputError(
                f"{self.name!r}: the module of node_map returned a {type(y).__name__}; "
                "expected an array"
            )
        batch = x.shape[: x.ndim - len(self.output_shape)]
        if tuple(y.shape[y.ndim - len(self.output_shape) :]) != self.output_shape:
            raise InputError(
                f"{self.name!r}: the module of node_map returned shape {tuple(y.shape)}; "
                f"expected [{', '.join(map(str, (*batch, *self.output_shape)))}]"
            )
        return y, state

    def called(self, x: Array, state: Any) -> Any:
        """The module's result, as (y, state) unless the module breaks its word."""
        return self.call(x, state) if self.has_memory else (self.call(x), None)

    def chunk(
        self, ops: Ops, c: Any, xs: Array, state: Any, record: tuple[str, ...]
    ) -> tuple[Array, Any, dict[str, Array]]:
        def step(state: Any, x: list[Array]):
            y, state = self.step(ops, c, x[0], state)
            return state, [y, *(self.variable(state, name) for name in record)]

        state, outs = ops.scan(step, state, [xs], xs.shape[0])
        return outs[0], state, dict(zip(record, outs[1:], strict=True))

    def variable(self, state: Any, name: str) -> Array:
        read = getattr(self.module, "state_variables", None)
        found = read(state) if callable(read) else {}
        if not isinstance(found, Mapping) or name not in found:
            kind = type(self.module).__name__
            raise InputError(
                f"{self.name!r}: {name!r} cannot be recorded: its module ({kind}) has no "
                f"state_variables(state) that gives it"
            )
        return found[name]


def takes_state(call: Callable[..., Any]) -> bool:
    """Whether a module's call has an argument named `state`, and so returns (y, state)."""
    try:
        return "state" in inspect.signature(call).parameters
    except (TypeError, ValueError):
        return False
