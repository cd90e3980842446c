"""What a traced program returned, where a NIR Output cannot carry all of it: a membrane potential.

The exported graph says it in its metadata, as a tree of keys of recordings. The networks that
`from_nir` builds return the same tree; other readers see the Outputs.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import nir

from nirx.errors import Fault, GraphError, InputError
from nirx.graphs.recording import Probe, resolve_record
from nirx.graphs.schedule import Schedule

__all__ = [
    "RETURNS_KEY",
    "Returns",
    "fill_returns",
    "map_returns",
    "returned_probes",
    "stored_returns",
    "with_returns",
    "without_returns",
]

RETURNS_KEY = "nirx_returns"
"""`graph.metadata[RETURNS_KEY]` is JSON: lists and objects with keys of recordings as leaves, such
as `["output", "lif2.v"]`; null stays None. An Output is recorded by its name."""

Returns = Any
"""Nested lists and dicts of texts, or of None."""


def stored_returns(graph: nir.NIRGraph) -> Returns | None:
    """The tree in a graph's metadata, or None.

    **Raises**: `GraphError` if it is not such a tree.
    """
    metadata: Any = getattr(graph, "metadata", None)
    text = metadata.get(RETURNS_KEY) if isinstance(metadata, dict) else None
    if text is None:
        return None
    try:
        tree = json.loads(text)
        keys = _leaves(tree)
    except (TypeError, ValueError, RecursionError) as error:
        raise _fault(str(error)) from error
    if not keys:
        raise _fault("it names no recording")
    return tree


def returned_probes(schedule: Schedule, tree: Returns | None) -> tuple[Probe, ...]:
    """What has to be recorded for a tree.

    **Raises**: `GraphError` for a key that names nothing.
    """
    try:
        return () if tree is None else tuple(resolve_record(schedule, _leaves(tree)))
    except InputError as error:
        raise _fault(str(error)) from error


def fill_returns(tree: Returns, values: Mapping[str, Any]) -> Any:
    """The tree with values for keys; lists become tuples, as programs return them."""
    if isinstance(tree, list):
        return tuple(fill_returns(part, values) for part in tree)
    if isinstance(tree, dict):
        return {name: fill_returns(part, values) for name, part in tree.items()}
    return None if tree is None else values[tree]


def map_returns(tree: Returns, function: Callable[[str], str]) -> Returns:
    """The tree with other keys."""
    if isinstance(tree, list):
        return [map_returns(part, function) for part in tree]
    if isinstance(tree, dict):
        return {name: map_returns(part, function) for name, part in tree.items()}
    return None if tree is None else function(tree)


def with_returns(graph: nir.NIRGraph, tree: Returns) -> nir.NIRGraph:
    """The same graph, with the tree in its metadata."""
    graph.metadata = {**(graph.metadata or {}), RETURNS_KEY: json.dumps(tree)}
    return graph


def without_returns(graph: Any) -> Any:
    """A shallow copy of a graph whose networks return its Outputs; anything else as it is."""
    metadata = getattr(graph, "metadata", None)
    if not (isinstance(metadata, dict) and RETURNS_KEY in metadata):
        return graph
    plain = copy.copy(graph)
    plain.metadata = {k: v for k, v in metadata.items() if k != RETURNS_KEY}
    return plain


def _leaves(tree: Returns) -> list[str]:
    if isinstance(tree, list | dict):
        parts = tree.values() if isinstance(tree, dict) else tree
        return list(dict.fromkeys(key for part in parts for key in _leaves(part)))
    if tree is None:
        return []
    if not isinstance(tree, str):
        raise ValueError(f"it contains {tree!r}; expected keys of recordings")
    return [tree]


def _fault(text: str) -> GraphError:
    return GraphError([Fault(f"metadata {RETURNS_KEY!r}", text, mend="remove it")])
