"""`nirx.same_graph`: equality of content. (nir's own == is identity.)"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.node_types import find_type, stored_names
from nirx.graphs.metadata import DISCRETIZATION_KEY
from nirx.graphs.neuron_form import with_neurons
from nirx.graphs.ports import BadEnd, Ends

__all__ = ["DERIVED", "same_graph", "same_node", "stored_field"]

DERIVED = ("shape", "input_type")
"""Fields that `nirx.read` infers if a file omits them."""


def same_graph(a: nir.NIRGraph, b: nir.NIRGraph) -> bool:
    """Whether two graphs have the same nodes, edges, parameters and metadata.

    The order of nodes and edges does not count; duplicate edges do. An edge to "sub" is the same as
    one to "sub.input", if that is its only port. Arrays are the same if dtype,
    shape and every bit are. A discretization is only a hint: it counts if both graphs have one.

    Arguments:
        a, b: the graphs; not changed.

    Returns: whether they are the same.
    """
    work = [(with_neurons(a), with_neurons(b))]
    while work:  # not recursive: nesting may be deeper than Python's stack
        one, other = work.pop()
        if _edges(one) != _edges(other):
            return False
        if not _same(*_without_lone_hint(one.metadata or {}, other.metadata or {})):
            return False
        if set(one.nodes) != set(other.nodes):
            return False
        for name in one.nodes:
            x, y = one.nodes[name], other.nodes[name]
            if isinstance(x, nir.NIRGraph) and isinstance(y, nir.NIRGraph):
                work.append((x, y))
            elif not same_node(x, y):
                return False
    return True


def _edges(graph: nir.NIRGraph) -> list[tuple[Any, Any]]:
    ends = Ends(graph.nodes)
    return sorted(
        (_end(ends, a, nir.Output), _end(ends, b, nir.Input)) for a, b in map(tuple, graph.edges)
    )


def _end(ends: Ends, name: str, port: type) -> Path:
    try:
        return ends.resolve(name, port)
    except BadEnd:
        return (name,)


def _without_lone_hint(a: Any, b: Any) -> tuple[Any, Any]:
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return a, b
    if DISCRETIZATION_KEY in a and DISCRETIZATION_KEY in b:
        return a, b
    a, b = ({k: v for k, v in m.items() if k != DISCRETIZATION_KEY} for m in (a, b))
    return a, b


def same_node(a: Any, b: Any) -> bool:
    """Whether two nodes, not graphs, have the same type, parameters and metadata."""
    if type(a) is not type(b) or not _same(a.metadata or {}, b.metadata or {}):
        return False
    names = tuple(n for n in vars(a) if not n.endswith("_type"))
    if find_type(type(a)) is not None:
        names = stored_names(a)
        if names != stored_names(b):
            return False
    pairs = [(name, stored_field(a, name), stored_field(b, name)) for name in names]
    return all((n in DERIVED and (x is None or y is None)) or _same(x, y) for n, x, y in pairs)


def stored_field(node: Any, name: str) -> Any:
    """The value of a node that a file stores under a name; shapes as tuples."""
    if name in DERIVED:
        declared = node.input_type
        value = declared.get("input") if isinstance(declared, dict) else declared
        return None if value is None else tuple(int(n) for n in np.atleast_1d(value))
    return node.contents()[name] if isinstance(node, Neuron) else getattr(node, name, None)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, dict) or isinstance(b, dict):
        if not (isinstance(a, dict) and isinstance(b, dict) and len(a) == len(b)):
            return False
        a, b = ({str(k): v for k, v in m.items()} for m in (a, b))  # as files store them
        return set(a) == set(b) and all(_same(a[k], b[k]) for k in a)
    if a is None or b is None or isinstance(a, str) or isinstance(b, str):
        return type(a) is type(b) and a == b
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype != y.dtype or x.shape != y.shape:
        return False
    return x.tolist() == y.tolist() if x.dtype.kind in "OSU" else x.tobytes() == y.tobytes()
