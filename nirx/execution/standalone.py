"""One node without a graph: how a native module is called by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nirx.dynamics.base import Dynamics, Stateless
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import find_type
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.parameters import NodeMismatch
from nirx.errors import GraphError, InputError, UnsupportedError
from nirx.execution.runners import NativeRunner
from nirx.graphs.check import node_fault

__all__ = ["checked_node", "step_alone"]


def checked_node(node: Any) -> Any:
    """The node itself, if nirx can run it. **Raises** `GraphError`, `UnsupportedError`."""
    name = type(node).__name__
    entry = find_type(type(node))
    if entry is None or entry.dynamics is None:
        raise UnsupportedError(f"{name} has no dynamics; give it a node_map entry")
    fault = node_fault(name, node, entry.dynamics)
    if fault is not None:
        raise GraphError([fault])
    return node


def step_alone(
    node: Any, rule: Discretization, ops: Ops, arrays: Mapping[str, Array], x: Any, state: Any
) -> Any:
    """One step of a node.

    Arguments:
        arrays: its parameters in the backend.
        x: [*batch, *features]; all axes are features if the node does not determine their number.
        state: what the previous step returned, or None.

    Returns: y for a node of a type without memory, else (y, state) with state a dict.

    **Raises**: `InputError` for a wrong shape, dtype or state.
    """
    name = type(node).__name__
    x = ops.use(ops.accept(x, f"the input of {name}"))
    dynamics, batch = _built_for(node, rule, tuple(x.shape))
    runner = NativeRunner(dynamics, arrays)
    shapes = dynamics.state_shapes()
    if state is None:
        state = runner.initial_state(ops, batch)
    else:
        state = _accepted(name, ops, state, {k: (*batch, *s) for k, s in shapes.items()})
    y, state = runner.step(ops, runner.coefficients(ops), x, state)
    y = ops.copy(y)
    return y if issubclass(type(dynamics), Stateless) else (y, state)


def _built_for(node: Any, rule: Discretization, shape: Shape) -> tuple[Dynamics, Shape]:
    kind = find_type(type(node))
    assert kind is not None, "checked_node let it pass"
    assert kind.dynamics is not None, "checked_node let it pass"
    rank = kind.dynamics.input_rank(node)
    split = 0 if rank is None else len(shape) - rank
    try:
        if split < 0:
            raise NodeMismatch(f"the input has shape {shape}", f"at least {rank} axes")
        features = shape[split:]
        takes = kind.dynamics.declared_shapes(node)[0] if kind.dynamics.exact_shape else None
        if takes not in (None, features):
            raise NodeMismatch(f"the input has shape {features}", f"an input of shape {takes}")
        gives = kind.infer_shape(node, features)
        return kind.dynamics.build(node, rule, features, gives), shape[:split]
    except NodeMismatch as mismatch:
        expected = f"; expected {mismatch.expected}" if mismatch.expected else ""
        raise InputError(f"{type(node).__name__}: {mismatch.found}{expected}") from mismatch


def _accepted(name: str, ops: Ops, state: Any, shapes: dict[str, Shape]) -> dict[str, Array]:
    if not isinstance(state, Mapping) or set(state) != set(shapes):
        found = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        raise InputError(f"state of {name} is {found}; expected a dict of {sorted(shapes)}")
    own = {k: ops.use(ops.accept(state[k], f"state {k!r} of {name}")) for k in shapes}
    for key, array in own.items():
        if tuple(array.shape) != shapes[key]:
            raise InputError(
                f"state {key!r} of {name} has shape {tuple(array.shape)}; expected {shapes[key]}"
            )
    return own
