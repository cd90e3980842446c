"""Flatten: nested graphs inlined into one list of nodes and one list of edges.

Inputs and Outputs of subgraphs stay as nodes that pass their value on, so every node
keeps its path and every fan-in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import nir

from nirx.basics.paths import Path, format_path
from nirx.dynamics.node_types import (
    NodeType,
    bypassed_type,
    claimed_graph,
    find_type,
    known_names,
    mapped_type,
)
from nirx.errors import Fault
from nirx.graphs.ports import BadEnd, resolve_end

__all__ = [
    "Claim",
    "FlatGraph",
    "FlatNode",
    "Unreadable",
    "flatten",
    "nothing_custom",
    "walk_graphs",
]

Claim = Literal["module", "bypass"]
"""What a node map does with nodes of a type that it has: a module runs them, or none does."""


@dataclass(frozen=True)
class FlatNode:
    """A node that is not a graph, with its path and its type's entry."""

    path: Path
    node: Any
    type: NodeType
    custom: bool = False
    """Whether a node map, rather than nirx, runs it."""


@dataclass
class FlatGraph:
    """Nodes sorted by path; edges (source, target) as indices, sorted by target, then source.

    `faults` says what could not be inlined; the rest is complete nevertheless.
    """

    nodes: list[FlatNode] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)
    """Nodes and graphs whose own faults explain missing edges below or beside them."""

    def is_port(self, index: int, kind: type) -> bool:
        """Whether a node is an Input (or Output) of the outermost graph."""
        flat = self.nodes[index]
        return len(flat.path) == 1 and isinstance(flat.node, kind)

    def ports(self, kind: type) -> list[int]:
        """The outermost graph's Inputs (or Outputs)."""
        return [i for i in range(len(self.nodes)) if self.is_port(i, kind)]


def nothing_custom(node_type: type) -> Claim | None:
    """No node map: nirx runs every type."""
    return None


def walk_graphs(
    graph: nir.NIRGraph, enter: bool = True
) -> Iterator[tuple[Path, nir.NIRGraph, bool]]:
    """Every graph at any depth with its path; the flag says that it contains itself.

    A graph that contains itself is given once more and not entered again.
    """
    stack: list[tuple[Path, nir.NIRGraph, frozenset[int]]] = [((), graph, frozenset())]
    while stack:
        path, current, above = stack.pop()
        yield path, current, id(current) in above
        if id(current) in above or not isinstance(current.nodes, Mapping) or not enter:
            continue
        inside = above | {id(current)}
        for name, node in current.nodes.items():
            if isinstance(node, nir.NIRGraph) and isinstance(name, str):
                stack.append(((*path, name), node, inside))


def flatten(
    graph: nir.NIRGraph, custom: Callable[[type], Claim | None] = nothing_custom
) -> FlatGraph:
    """Inline all subgraphs.

    Arguments:
        graph: left as it is.
        custom: how a node map, rather than nirx, runs nodes of a type; None where nirx does.
            With a claim on `nir.NIRGraph`, subgraphs stay whole.

    Returns: the flat graph; its order depends on paths alone.
    """
    flat = FlatGraph()
    edges: list[tuple[Path, Path]] = []
    whole = custom(nir.NIRGraph) is not None
    for path, current, recursive in walk_graphs(graph, enter=not whole):
        if recursive:
            flat.faults.append(Fault(format_path(path), "the graph contains itself"))
            flat.broken.append(path)
        elif not isinstance(current.nodes, Mapping):
            found = f"nodes is a {type(current.nodes).__name__}"
            flat.faults.append(Fault(_name(path), found, "a dict of nodes"))
            flat.broken.append(path)
        else:
            _add_nodes(flat, path, current, custom)
            resolved = _resolve_edges(flat, path, current)
            edges += [(a[:1], b[:1]) for a, b in resolved] if whole else resolved
    flat.nodes.sort(key=lambda n: n.path)
    index = {n.path: i for i, n in enumerate(flat.nodes)}
    ends = ((index.get(a), index.get(b)) for a, b in edges)
    found_ends = [(a, b) for a, b in ends if a is not None and b is not None]
    flat.edges = sorted(found_ends, key=lambda e: (e[1], e[0]))
    return flat


def _name(path: Path) -> str:
    return format_path(path) if path else "graph"


def _add_nodes(
    flat: FlatGraph, path: Path, graph: nir.NIRGraph, custom: Callable[[type], Claim | None]
) -> None:
    for name, node in graph.nodes.items():
        if not isinstance(name, str) or not name:
            found = f"a node is named {name!r}"
            flat.faults.append(Fault(_name(path), found, "a non-empty string"))
            flat.broken.append(path)
            continue
        own = (*path, name)
        by_map = custom(type(node))
        if by_map == "bypass":
            flat.nodes.append(FlatNode(own, node, bypassed_type(type(node)), True))
            continue
        if isinstance(node, nir.NIRGraph):
            if by_map:
                flat.nodes.append(FlatNode(own, node, claimed_graph(node), True))
            continue
        entry = find_type(type(node))
        if entry is None and by_map is not None:
            entry = mapped_type(type(node))
        if entry is None or (entry.dynamics is None and by_map is None):
            flat.faults.append(_unknown_type(own, node))
            flat.broken.append(own)
            continue
        flat.nodes.append(FlatNode(own, node, entry, by_map is not None))


def _unknown_type(path: Path, node: Any) -> Fault:
    if isinstance(node, Unreadable):
        return node.fault
    return Fault(
        format_path(path),
        f"unknown node type {type(node).__name__}",
        "one of " + ", ".join(known_names()),
        "give it dynamics with nirx.register_type, or an entry in node_map",
    )


@dataclass(eq=False)
class Unreadable(nir.NIRNode):
    """Stands for a node that a file describes wrongly, so that the rest can be checked too."""

    fault: Fault


def _resolve_edges(flat: FlatGraph, path: Path, graph: nir.NIRGraph) -> list[tuple[Path, Path]]:
    resolved = []
    missing: dict[str, list[str]] = {}
    mends: dict[str, str] = {}
    edges = graph.edges
    if not isinstance(edges, Iterable):
        found = f"edges is a {type(edges).__name__}"
        flat.faults.append(Fault(_name(path), found, "a list of pairs of node names"))
        flat.broken.append(path)
        return []
    for edge in edges:
        try:
            source, target = edge
            good = isinstance(source, str) and isinstance(target, str)
        except (TypeError, ValueError):
            source = target = ""
            good = False
        if not good:
            flat.faults.append(Fault(_name(path), f"edge {edge!r}", "a pair of node names"))
            flat.broken.append(path)
            continue
        where = f"edge {source!r} -> {target!r}"
        ends = []
        for end, port in ((source, nir.Output), (target, nir.Input)):
            try:
                ends.append(resolve_end(graph.nodes, end, port))
            except BadEnd as bad:
                flat.broken.append(path)
                if bad.missing:
                    if where not in missing.setdefault(end, []):
                        missing[end].append(where)
                    mends[end] = bad.mend
                else:
                    flat.faults.append(Fault(_within(path, where), bad.found, mend=bad.mend))
        if len(ends) == 2 and _direction_is_good(flat, path, where, graph, ends):
            resolved.append(((*path, *ends[0]), (*path, *ends[1])))
    for name in sorted(missing):
        places = sorted(missing[name])
        more = f" (and {len(places) - 1} more edges)" if len(places) > 1 else ""
        found = f"no node {name!r}"
        flat.faults.append(Fault(_within(path, places[0]) + more, found, mend=mends[name]))
    return resolved


def _direction_is_good(
    flat: FlatGraph, path: Path, where: str, graph: nir.NIRGraph, ends: list[Path]
) -> bool:
    source, target = ends
    good = True
    if len(source) == 1 and isinstance(graph.nodes[source[0]], nir.Output):
        mend = "take the value from the node before it"
        flat.faults.append(Fault(_within(path, where), "it leaves an Output", mend=mend))
        good = False
    if len(target) == 1 and isinstance(graph.nodes[target[0]], nir.Input):
        mend = "add the value after it, with a second edge into its target"
        flat.faults.append(Fault(_within(path, where), "it enters an Input", mend=mend))
        good = False
    if not good:
        flat.broken.append(path)
    return good


def _within(path: Path, where: str) -> str:
    return f"{format_path(path)}: {where}" if path else where
