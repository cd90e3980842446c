"""What nirx stores in metadata, each under a documented key: discretization, shared modules,
surrogates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir

from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import find_type
from nirx.dynamics.surrogate_formulas import NamedSurrogate, surrogate_from_json
from nirx.errors import Fault, GraphError, InputError, warn_caller
from nirx.graphs.flatten import Claim, nothing_custom, walk_graphs

__all__ = [
    "DISCRETIZATION_KEY",
    "MODULE_KEY",
    "RECOGNISED_KEY",
    "RULE_KEY",
    "SURROGATE_KEY",
    "assumed_discretization",
    "given_or_stored",
    "require_discretization",
    "resolve_discretization",
    "store_surrogate",
    "stored_discretization",
    "stored_surrogate",
]

DISCRETIZATION_KEY = "nirx_discretization"
"""`graph.metadata[DISCRETIZATION_KEY]` is `Discretization.to_json()`: a hint, never required."""

MODULE_KEY = "nirx_module"
"""`node.metadata[MODULE_KEY]` is the path of the module that several nodes share."""

RECOGNISED_KEY = "nirx_recognised"
"""`node.metadata[RECOGNISED_KEY]` says which neuron a NIR node was made from, and under which
discretization both do the same."""

RULE_KEY = "nirx_rule"
"""`node.metadata[RULE_KEY]` is the rule of the exported module, as `Discretization.to_json()`; the
graph around the nodes gathers the rules into its own hint."""

SURROGATE_KEY = "nirx_surrogate"
"""`node.metadata[SURROGATE_KEY]` is the `to_json()` of one of `nirx.surrogates`: a hint for
training."""


def stored_discretization(graph: nir.NIRGraph) -> Discretization | None:
    """The discretization in the graph's metadata, or None.

    **Raises**: `GraphError` if it is not valid.
    """
    metadata: Any = getattr(graph, "metadata", None)
    text = metadata.get(DISCRETIZATION_KEY) if isinstance(metadata, dict) else None
    if text is None:
        return None
    try:
        return Discretization.from_json(text)
    except InputError as error:
        raise GraphError([Fault(f"metadata {DISCRETIZATION_KEY!r}", str(error))]) from error


def stored_surrogate(node: Any, name: str) -> NamedSurrogate | None:
    """The surrogate in a node's metadata, or None.

    Arguments:
        name: of the node, for the error.

    **Raises**: `GraphError` if it is not valid.
    """
    metadata: Any = getattr(node, "metadata", None)
    text = metadata.get(SURROGATE_KEY) if isinstance(metadata, dict) else None
    if text is None:
        return None
    try:
        return surrogate_from_json(text)
    except InputError as error:
        mend = "remove the key, or store the to_json() of one of nirx.surrogates"
        where = f"{name}: metadata {SURROGATE_KEY!r}"
        raise GraphError([Fault(where, str(error), mend=mend)]) from error


def store_surrogate(node: Any, surrogate: NamedSurrogate) -> None:
    """Write a surrogate into a node's metadata."""
    node.metadata = {**(node.metadata or {}), SURROGATE_KEY: surrogate.to_json()}


def resolve_discretization(
    graph: nir.NIRGraph,
    discretization: Discretization | None,
    custom: Callable[[type], Claim | None] = nothing_custom,
) -> Discretization:
    """The caller's choice, else the graph's own, else the default.

    Warns with `NirxWarning` about the default if nirx runs a node that depends on it.
    """
    chosen = given_or_stored(graph, discretization)
    if chosen is not None:
        return chosen
    graphs = walk_graphs(graph, enter=custom(nir.NIRGraph) is None)
    nodes = (n for _, g, _ in graphs if isinstance(g.nodes, dict) for n in g.nodes.values())
    entries = (find_type(type(node)) for node in nodes if custom(type(node)) is None)
    matters = any(e is not None and e.dynamics and e.dynamics.uses_dt for e in entries)
    return assumed_discretization() if matters else Discretization()


def assumed_discretization() -> Discretization:
    """The default, with a `NirxWarning`."""
    default = Discretization()
    warn_caller(
        f"no discretization given and none in the graph's metadata: dt={default.dt:g} and "
        "forward Euler are assumed; pass discretization=nirx.Discretization(dt=...)"
    )
    return default


def given_or_stored(
    graph: nir.NIRGraph, discretization: Discretization | None
) -> Discretization | None:
    """The caller's choice, else the graph's own, else None.

    **Raises**: `InputError` if `graph` is not a graph or the choice is not a discretization.
    """
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"expected a nir.NIRGraph, got a {type(graph).__name__}; see nirx.read")
    return require_discretization(discretization) or stored_discretization(graph)


def require_discretization(discretization: Any) -> Discretization | None:
    """The caller's choice, or None.

    **Raises**: `InputError` for anything else.
    """
    if discretization is None:
        return None
    if not isinstance(discretization, Discretization):
        raise InputError(
            f"discretization is a {type(discretization).__name__}; expected a "
            'nirx.Discretization, such as nirx.Discretization(dt=1e-3) or nirx.PRESETS["..."]'
        )
    return discretization
