"""`Origin`: the NIR node or graph that a module was built from, for the way back.

A module holds the arrays in the run's dtype; everything else (names, order, strides,
metadata, the arrays as they were) waits here until `to_nir`.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.graphs.flatten import walk_graphs

__all__ = ["Cast", "Origin", "node_at", "rebuild_graph", "rebuild_node"]

Cast = Callable[[np.ndarray], np.ndarray]


class Origin:
    """A NIR node or graph that nobody changes any more.

    Two are equal if they differ in the numbers of their arrays at most, so that networks
    which differ in their parameters alone have one structure (and in JAX one compilation).

    Arguments:
        node: a copy that belongs to nirx.
    """

    def __init__(self, node: Any):
        self.node = node

    @cached_property
    def skeleton(self) -> str:
        """SHA-256 of everything but the arrays' numbers."""
        content = hashlib.sha256()
        if isinstance(self.node, nir.NIRGraph):
            for path, graph, _ in sorted(walk_graphs(self.node), key=lambda item: item[0]):
                edges = sorted(map(tuple, graph.edges))
                content.update(repr((path, edges, _form(graph.metadata))).encode(*UTF8))
                for name, node in sorted(graph.nodes.items()):
                    if not isinstance(node, nir.NIRGraph):
                        content.update(repr((name, _form_of_node(node))).encode(*UTF8))
        else:
            content.update(repr(_form_of_node(self.node)).encode(*UTF8))
        return content.hexdigest()

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Origin) and self.skeleton == other.skeleton)

    def __hash__(self) -> int:
        return hash(self.skeleton)

    def __repr__(self) -> str:
        return f"Origin({type(self.node).__name__})"


UTF8 = ("utf-8", "surrogatepass")


def _form_of_node(node: Any) -> Any:
    return type(node).__name__, {k: _form(v) for k, v in sorted(vars(node).items())}


def _form(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((str(k), _form(v)) for k, v in value.items())
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return str(value.dtype), tuple(value.shape)
    return value


def node_at(graph: Any, path: Path) -> Any:
    """The node or subgraph of a path."""
    for name in path:
        graph = graph.nodes[name]
    return graph


def rebuild_node(node: Any, arrays: Mapping[str, np.ndarray], cast: Cast) -> Any:
    """A copy of a node with new numbers.

    Arguments:
        node: left as it is.
        arrays: by the name of the parameter; the run's dtype.
        cast: what became of the node's own arrays on their way into the run.

    Returns: elements that did not change keep the bits (and, if none did, the dtype) they
    had before they were cast.
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
    same &= np.signbit(was) == np.signbit(now)  # 0 and -0 are two numbers here
    if same.all():
        return copy.deepcopy(before)
    wide = own.dtype.kind == "f" and own.dtype.itemsize >= now.dtype.itemsize
    kind = own.dtype if wide else now.dtype
    return np.where(same, own.astype(kind), now.astype(kind))


def rebuild_graph(graph: nir.NIRGraph, nodes: Mapping[Path, Any]) -> nir.NIRGraph:
    """A copy of a graph with some nodes replaced, at any depth.

    Arguments:
        graph: left as it is.
        nodes: by path; they are taken as they are. What is absent is copied.
    """
    graphs: dict[Path, nir.NIRGraph] = {}
    for path, old, _ in sorted(walk_graphs(graph), key=lambda item: len(item[0])):
        if any(path[:length] in nodes for length in range(1, len(path) + 1)):
            continue  # a module stands for the whole subgraph
        new = nir.NIRGraph({}, list(old.edges), type_check=False)
        new.metadata = copy.deepcopy(old.metadata)
        for name, node in old.nodes.items():
            own = (*path, name)
            if own in nodes:
                new.nodes[name] = nodes[own]
            elif not isinstance(node, nir.NIRGraph):
                new.nodes[name] = copy.deepcopy(node)
            else:
                new.nodes[name] = node  # keeps its place; its copy replaces it below
        graphs[path] = new
        if path:
            graphs[path[:-1]].nodes[path[-1]] = new
    for path in sorted(graphs, key=len, reverse=True):
        graphs[path]._update_input_output_types()
    return graphs[()]
