"""Flatten: inline nested graphs into one list of nodes and one list of edges.

Inputs and Outputs of subgraphs stay as nodes that pass their value through, so that every node
keeps its path and every fan-in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import nir

from nirx.basics.paths import Path, format_path, graph_name
from nirx.basics.printable import brief, quoted
from nirx.dynamics.node_types import (
    NodeType,
    bypassed_type,
    claimed_graph,
    find_type,
    known_names,
    mapped_type,
)
from nirx.dynamics.plugged_types import HOW_TO_PLUG
from nirx.errors import MOST_LINES, Fault
from nirx.graphs.misnamed import misnaming, only_misnamed
from nirx.graphs.ports import BadEnd, Ends, edges_of, ends_of
from nirx.graphs.unflattening import FlatParts

__all__ = [
    "Claim",
    "FlatGraph",
    "FlatNode",
    "Unreadable",
    "flatten",
    "nothing_custom",
    "walk_graphs",
]

MOST_CHARACTERS = 2**28
"""Limit for the paths of all nodes together: each path repeats the names of the graphs around it,
so that a small file with long names can ask for any amount of memory."""

Claim = Literal["module", "bypass"]
"""What a node map does with the nodes of a type: a module runs them, or they are bypassed."""


@dataclass(frozen=True)
class FlatNode:
    """A node with its path and the entry of its type."""

    path: Path
    node: Any
    type: NodeType
    custom: bool = False
    """Whether a node map, rather than nirx, runs it."""


@dataclass
class FlatGraph:
    """Nodes sorted by path; edges (source, target) as indices, sorted by target, then source.

    `faults` are the parts that could not be inlined; everything else is complete.
    """

    nodes: list[FlatNode] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    broken: dict[Path, None] = field(default_factory=dict)
    """Nodes and graphs whose own faults explain missing edges inside or next to them."""

    def add_fault(self, path: Path, fault: Fault) -> None:
        """Add a fault of the node or graph at a path."""
        self.faults.append(fault)
        self.broken[path] = None

    def is_port(self, index: int, kind: type) -> bool:
        """Whether a node is an Input (or Output) of the outermost graph."""
        flat = self.nodes[index]
        return len(flat.path) == 1 and isinstance(flat.node, kind)

    def ports(self, kind: type) -> list[int]:
        """The outermost graph's Inputs (or Outputs)."""
        return [i for i in range(len(self.nodes)) if self.is_port(i, kind)]


def nothing_custom(node_type: type) -> Claim | None:
    """Without a node map, nirx runs every type."""
    return None


def walk_graphs(
    graph: nir.NIRGraph, enter: bool = True
) -> Iterator[tuple[Path, nir.NIRGraph, bool]]:
    """Every graph at any depth.

    Returns: for each graph its path, the graph, and whether it is a repetition of a graph that
    contains itself. A repetition is not entered.
    """
    stack: list[tuple[Path, nir.NIRGraph, bool]] = [((), graph, False)]
    above: set[int] = set()
    while stack:
        path, current, leaving = stack.pop()
        if leaving:
            above.discard(id(current))
            continue
        yield path, current, id(current) in above
        if id(current) in above or not isinstance(current.nodes, Mapping) or not enter:
            continue
        above.add(id(current))
        stack.append((path, current, True))
        for name, node in current.nodes.items():
            if isinstance(node, nir.NIRGraph) and isinstance(name, str):
                stack.append(((*path, name), node, False))


def flatten(
    graph: nir.NIRGraph, custom: Callable[[type], Claim | None] = nothing_custom
) -> FlatGraph:
    """Inline all subgraphs.

    Arguments:
        graph: not changed.
        custom: whether a node map, rather than nirx, runs the nodes of a type. With a claim on
            `nir.NIRGraph`, subgraphs stay whole.

    Returns: the flat graph; its order depends only on paths.
    """
    flat = FlatGraph()
    edges: list[tuple[Path, Path]] = []
    whole = custom(nir.NIRGraph) is not None
    characters = 0
    for path, current, recursive in walk_graphs(graph, enter=not whole):
        if recursive:
            flat.add_fault(path, Fault(format_path(path), "the graph contains itself"))
        elif not isinstance(current.nodes, Mapping):
            found = f"nodes is a {type(current.nodes).__name__}"
            flat.add_fault(path, Fault(graph_name(path), found, "a dict of nodes"))
        else:
            characters += _characters(path, current)
            if characters > MOST_CHARACTERS:
                return _too_long(characters)
            _add_nodes(flat, path, current, custom)
            resolved = _resolve_edges(flat, path, current)
            edges += [(a[:1], b[:1]) for a, b in resolved] if whole else resolved
    flat.nodes.sort(key=lambda n: n.path)
    index = {n.path: i for i, n in enumerate(flat.nodes)}
    ends = ((index.get(a), index.get(b)) for a, b in edges)
    found_ends = [(a, b) for a, b in ends if a is not None and b is not None]
    flat.edges = sorted(found_ends, key=lambda e: (e[1], e[0]))
    return flat


def _characters(path: Path, graph: nir.NIRGraph) -> int:
    """The length of the paths of all nodes of a graph, as text."""
    names = [name for name in graph.nodes if isinstance(name, str)]
    return len(names) * (sum(map(len, path)) + len(path)) + sum(map(len, names))


def _too_long(characters: int) -> FlatGraph:
    flat = FlatGraph()
    found = f"the paths of its nodes have {characters:,} characters or more"
    mend = "give nested subgraphs shorter names, or nest fewer of them"
    flat.add_fault((), Fault("graph", found, f"at most {MOST_CHARACTERS:,}", mend))
    return flat


def _add_nodes(
    flat: FlatGraph, path: Path, graph: nir.NIRGraph, custom: Callable[[type], Claim | None]
) -> None:
    for name, node in graph.nodes.items():
        if not isinstance(name, str) or not name:
            found = f"a node is named {brief(name)}"
            flat.add_fault(path, Fault(graph_name(path), found, "a non-empty string"))
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
            flat.add_fault(own, _unknown_type(own, node))
            continue
        flat.nodes.append(FlatNode(own, node, entry, by_map is not None))


def _unknown_type(path: Path, node: Any) -> Fault:
    if isinstance(node, Unreadable):
        return node.fault
    return Fault(
        format_path(path),
        f"unknown node type {type(node).__name__}",
        "one of " + ", ".join(known_names()),
        f"give it dynamics with nirx.register_type, or an entry in node_map; or {HOW_TO_PLUG}",
    )


@dataclass(eq=False)
class Unreadable(nir.NIRNode):
    """A placeholder for a faulty node of a file, so that the rest can be checked too."""

    fault: Fault


def _resolve_edges(flat: FlatGraph, path: Path, graph: nir.NIRGraph) -> list[tuple[Path, Path]]:
    edges = edges_of(graph)
    if edges is None:
        found = f"edges is a {type(graph.edges).__name__}"
        flat.add_fault(path, Fault(graph_name(path), found, "a list of pairs of node names"))
        return []
    above = f"{format_path(path)}: " if path else ""
    ends = Ends(graph.nodes)
    resolved = []
    missing: Missing = {}
    good = True
    for edge in edges:
        pair = ends_of(edge)
        if pair is None:
            fault = Fault(graph_name(path), f"edge {brief(edge)}", "a pair of node names")
            flat.add_fault(path, fault)
            good = False
            continue
        found_ends = []
        for end, port in zip(pair, (nir.Output, nir.Input), strict=True):
            try:
                found_ends.append(ends.resolve(end, port))
            except BadEnd as bad:
                where = above + _edge_text(pair)
                if bad.missing:
                    flat.broken[path] = None
                    missing.setdefault(end, {}).setdefault(where, port)
                else:
                    flat.add_fault(path, Fault(where, bad.found, mend=bad.mend))
        if len(found_ends) == 2:
            source, target = found_ends
            wrong = _wrong_direction(graph, source, target)
            for found, mend in wrong:
                flat.add_fault(path, Fault(above + _edge_text(pair), found, mend=mend))
            if not wrong:
                resolved.append(((*path, *source), (*path, *target)))
    if missing:
        flat.faults += _missing_nodes(graph, ends, missing, good)
    return resolved


Missing = dict[str, dict[str, type]]
"""For each name that is no node: the edges with it, and its port in each."""


def _missing_nodes(
    graph: nir.NIRGraph, ends: Ends, missing: Missing, good: bool
) -> Iterator[Fault]:
    """A fault for each name that is no node; the first ones with a suggested fix."""
    lone = only_misnamed(graph) if good else None
    parts = FlatParts(graph.nodes)
    for number, name in enumerate(sorted(missing)):
        where = min(missing[name])
        mend = misnaming(parts, name, lone[1] if lone else None)
        if not mend and number < MOST_LINES:
            mend = ends.suggestion(name, missing[name][where])
        others = len(missing[name]) - 1
        more = f" (and {others:,} more edge{'s' if others > 1 else ''})" if others else ""
        yield Fault(where + more, f"no node {quoted(name)}", mend=mend)


def _edge_text(pair: tuple[str, str]) -> str:
    return f"edge {quoted(pair[0])} -> {quoted(pair[1])}"


def _wrong_direction(graph: nir.NIRGraph, source: Path, target: Path) -> list[tuple[str, str]]:
    """What is wrong with an edge between two nodes, and suggested fixes."""
    wrong = []
    if len(source) == 1 and isinstance(graph.nodes[source[0]], nir.Output):
        wrong.append(("it leaves an Output", "take the value from the node before it"))
    if len(target) == 1 and isinstance(graph.nodes[target[0]], nir.Input):
        mend = "add the value after it, with a second edge into its target"
        wrong.append(("it enters an Input", mend))
    return wrong
