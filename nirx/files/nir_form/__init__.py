"""The form of a graph that nir 1.0.8's own reader accepts, with its type check on; and back.

`in_nir_form` gives the graph that `nirx.write` stores. Hints in its metadata (`hints`) let
`nirx.read` restore the graph as it was (`from_nir_form`). Both are the same map.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import nir

from nirx.basics.paths import Path, format_path
from nirx.dynamics.node_types import find_type
from nirx.dynamics.ops import Shape
from nirx.errors import Fault
from nirx.files.nir_form.edges import fresh, merge_double_edges, restore_double_edges
from nirx.files.nir_form.nodes import node_form, restored_node, spread_parameters
from nirx.files.nir_form.ports import inline_subgraphs, restore_subgraphs, unify_ends
from nirx.files.nir_form.square import insert_before, remove_before
from nirx.graphs.feedback import adjacency
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.ports import resolve_end

__all__ = ["Shapes", "from_nir_form", "in_nir_form", "nir_refuses", "spread_parameters"]

Shapes = Mapping[Path, tuple[Shape, Shape]]
"""Input and output shape of every node, by path."""

MEND = "pass strict=False to nirx.write: then nirx reads the file, but nir.read refuses it"


def in_nir_form(graph: nir.NIRGraph, shapes: Shapes) -> tuple[nir.NIRGraph, list[Fault]]:
    """A checked graph as nir accepts it.

    Arguments:
        graph: not changed.
        shapes: of its nodes.

    Returns: a new graph, which may share nodes with the given one; and what nir's check refuses
    nevertheless. Registered types are not counted: nir cannot know them.
    """
    graphs: dict[Path, nir.NIRGraph] = {}
    before: dict[Path, dict[str, nir.Conv2d]] = {}
    for path, old, _ in walk_graphs(graph):
        new = graphs[path] = nir.NIRGraph({}, list(old.edges), type_check=False)
        new.metadata = old.metadata or {}
        if path:
            graphs[path[:-1]].nodes[path[-1]] = new
        for name, node in old.nodes.items():
            new.nodes[name] = node  # a subgraph keeps its place; its copy replaces it later
            own = (*path, name)
            if own in shapes:
                new.nodes[name], padding = node_form(node, *shapes[own])
                if padding is not None:
                    before.setdefault(path, {})[name] = padding
    for path in sorted(graphs, key=len, reverse=True):
        own = graphs[path]
        unify_ends(own)
        for name, padding in before.get(path, {}).items():
            insert_before(own, name, fresh(f"{name}.before", own.nodes), padding)
        merge_double_edges(own, lambda end, o=own, p=path: _leaving(o, p, end, shapes))
        inline_subgraphs(own, lambda below, p=path: shapes[*p, *below][0])
    return graphs[()], nir_refuses(graphs[()])


def nir_refuses(graph: nir.NIRGraph) -> list[Fault]:
    """What nir's check refuses in a graph that `in_nir_form` returned."""
    found = (_unreached(path, below) for path, below, _ in walk_graphs(graph))
    return [fault for faults in found for fault in faults]


def from_nir_form(graph: nir.NIRGraph) -> None:
    """Restore what `in_nir_form` changed, at any depth; the graph is changed."""
    for _, below, _ in sorted(walk_graphs(graph), key=lambda item: -len(item[0])):
        restore_subgraphs(below)
    for _, below, _ in list(walk_graphs(graph)):
        restore_double_edges(below)
        remove_before(below)
        nodes = sorted(below.nodes.items())
        below.nodes = {name: restored_node(node) for name, node in nodes}


def _leaving(graph: nir.NIRGraph, path: Path, end: str, shapes: Shapes) -> Shape:
    return shapes[*path, *resolve_end(graph.nodes, end, nir.Output)][1]


def _unreached(path: Path, graph: nir.NIRGraph) -> list[Fault]:
    """Pools in cycles that no Input reaches: nir infers shapes from the Inputs only."""
    names = list(graph.nodes)
    index = {name: i for i, name in enumerate(names)}
    successors = adjacency(len(names), [(index[a], index[b]) for a, b in graph.edges])
    work = deque(i for i, name in enumerate(names) if isinstance(graph.nodes[name], nir.Input))
    reached = set(work)
    started = any(successors[i] for i in work)
    while work:
        for below in successors[work.popleft()]:
            if below not in reached:
                reached.add(below)
                work.append(below)
    pools = (nir.SumPool2d, nir.AvgPool2d)
    lost = [n for i, n in enumerate(names) if i not in reached and _is(graph.nodes[n], pools)]
    why = "nir infers the shape of a pool only from an Input, and none reaches this one"
    faults = [_fault(format_path((*path, name)), why) for name in lost]
    if not started:
        faults.append(_fault(format_path(path) or "graph", "no edge leaves an Input"))
    return faults


def _is(node: Any, kinds: tuple[type, ...]) -> bool:
    entry = find_type(type(node))
    return entry is not None and entry.nir_type in kinds


def _fault(where: str, why: str) -> Fault:
    return Fault(where, why, "a graph that nir.read accepts with its type check on", MEND)
