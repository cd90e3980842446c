"""One node without a graph: how a native module is built and called by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from nirx.basics.type_map import ABSENT, find_handler, require_type_map
from nirx.dynamics.base import Dynamics, Stateless
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import find_type
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.parameters import NodeMismatch
from nirx.errors import GraphError, InputError, UnsupportedError
from nirx.execution.assemble import NODE_FORM, call_builder, no_entry
from nirx.execution.runners import NativeRunner
from nirx.graphs.check import node_fault
from nirx.graphs.metadata import assumed_discretization

__all__ = ["build_single", "checked_node", "step_alone"]


def build_single(
    node: Any,
    node_map: Mapping[type, Any] | None,
    default_map: Mapping[type, Any] | None,
    own_map: Mapping[type, Any],
    native: Any,
    identity: Callable[[], Any],
    discretization: Discretization | None,
    dtype: str = "float32",
) -> Any:
    """The module of a single node.

    Arguments:
        node: left as it is; its module gets a copy.
        node_map, default_map: as for a graph; the first entry wins, None bypasses.
        own_map: the adapter's NODE_MAP. If it is the default, types with dynamics need no entry.
        native, identity: as in `nirx.execution.assemble.assemble`.
        dtype: of the run, for builders that ask.

    **Raises**: `GraphError` for a type without entry or a faulty node.
    """
    require_type_map(node_map, "node_map", NODE_FORM)
    require_type_map(default_map, "default_map", NODE_FORM)
    kind = type(node)
    entry = find_type(kind)
    handler = find_handler(kind, node_map, default_map)
    if handler is ABSENT and default_map is own_map and entry is not None and entry.dynamics:
        handler = native
    if handler is ABSENT:
        raise GraphError([no_entry(kind.__name__, kind)])
    if handler is None:
        return identity()
    own = copy.deepcopy(node)
    if not (isinstance(handler, type) and issubclass(handler, native)):
        rule = discretization or Discretization()
        return call_builder(handler, own, rule, dtype, kind.__name__)
    checked_node(own)
    if discretization is None and entry is not None and entry.dynamics and entry.dynamics.uses_dt:
        discretization = assumed_discretization()
    return handler(own, discretization)


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
