"""`Origin`: the NIR node or graph that a module was built from, kept for `to_nir`.

A module holds the arrays in the run's dtype; the origin holds everything else: names, order,
strides, metadata and the original arrays.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.graphs.content import content_digest
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.ports import declare_ports

__all__ = ["Cast", "Origin", "node_at", "rebuild_graph", "rebuild_node"]

Cast = Callable[[np.ndarray], np.ndarray]


class Origin:
    """A NIR node or graph that is never modified.

    Two origins are equal if they differ at most in the numbers of their arrays, so that networks
    which differ only in their parameters share one structure (and a compiler compiles them once).

    Arguments:
        node: a copy that belongs to nirx.
    """

    def __init__(self, node: Any):
        self.node = node

    @cached_property
    def skeleton(self) -> str:
        """SHA-256 of everything but the numbers in the arrays."""
        if not isinstance(self.node, nir.NIRGraph):
            return content_digest((type(self.node), vars(self.node)), numbers=False)
        graphs = [
            (path, sorted(map(tuple, graph.edges)), graph.metadata, _leaves(graph))
            for path, graph, _ in sorted(walk_graphs(self.node), key=lambda item: item[0])
        ]
        return content_digest(graphs, numbers=False)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Origin) and self.skeleton == other.skeleton)

    def __hash__(self) -> int:
        return hash(self.skeleton)

    def __repr__(self) -> str:
        return f"Origin({type(self.node).__name__})"


def _leaves(graph: nir.NIRGraph) -> dict[str, Any]:
    nodes = graph.nodes.items()
    return {k: (type(n), vars(n)) for k, n in nodes if not isinstance(n, nir.NIRGraph)}


def node_at(graph: Any, path: Path) -> Any:
    """The node or subgraph at a path."""
    for name in path:
        graph = graph.nodes[name]
    return graph


def rebuild_node(node: Any, arrays: Mapping[str, np.ndarray], cast: Cast) -> Any:
    """A copy of a node with new parameters.

    Arguments:
        node: not changed.
        arrays: the new parameters by name, in the run's dtype.
        cast: the conversion that the node's own arrays went through for the run.

    Returns: the copy. Elements that did not change keep the bits they had before the cast; an
    array without any change keeps its dtype too.
    """
    new = copy.deepcopy(node)
    for name, array in arrays.items():
        setattr(new, name, _merged(getattr(node, name), np.asarray(array), cast))
    return new


def _merged(before: Any, now: np.ndarray, cast: Cast) -> Any:
    own = np.asarray(before)
    was = cast(own)
    if was.shape != now.shape:
        return now.copy()
    same = was == now
    same |= np.isnan(was) & np.isnan(now)
    same &= np.signbit(was) == np.signbit(now)  # 0 and -0 are different numbers here
    if same.all():
        return copy.deepcopy(before)
    wide = own.dtype.kind == "f" and own.dtype.itemsize >= now.dtype.itemsize
    kind = own.dtype if wide else now.dtype
    return np.where(same, own.astype(kind), now.astype(kind))


def rebuild_graph(graph: nir.NIRGraph, nodes: Mapping[Path, Any]) -> nir.NIRGraph:
    """A copy of a graph with some nodes replaced, at any depth.

    Arguments:
        graph: not changed.
        nodes: the new nodes by path, which are not copied. All other nodes are.
    """
    graphs: dict[Path, nir.NIRGraph] = {}
    for path, old, _ in sorted(walk_graphs(graph), key=lambda item: len(item[0])):
        if path in nodes or (path and path[:-1] not in graphs):
            continue  # a module replaces the whole subgraph
        new = nir.NIRGraph({}, list(old.edges), type_check=False)
        new.metadata = copy.deepcopy(old.metadata)
        for name, node in old.nodes.items():
            own = (*path, name)
            if own in nodes:
                new.nodes[name] = nodes[own]
            elif not isinstance(node, nir.NIRGraph):
                new.nodes[name] = copy.deepcopy(node)
            else:
                new.nodes[name] = node  # keeps its place; its copy replaces it later
        graphs[path] = new
        if path:
            graphs[path[:-1]].nodes[path[-1]] = new
    for path in sorted(graphs, key=len, reverse=True):
        declare_ports(graphs[path])
    return graphs[()]
