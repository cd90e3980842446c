"""The form of a graph that nir 1.0.8's own reader accepts, with its type check on; and back.

`in_nir_form` gives the graph that `nirx.write` stores. Hints in its metadata (`hints`) let
`nirx.read` restore the graph as it was (`from_nir_form`). Both are the same map.
"""

from __future__ import annotations

from collections.abc import Mapping

import nir

from nirx.basics.paths import Path, format_path
from nirx.dynamics.ops import Shape
from nirx.errors import Fault
from nirx.files.nir_form.edges import (
    connect_an_input,
    disconnect_inputs,
    merge_double_edges,
    restore_double_edges,
)
from nirx.files.nir_form.nodes import (
    POOLS,
    TooLarge,
    node_form,
    pool_form,
    restored_node,
    spread_parameters,
)
from nirx.files.nir_form.ports import inline_subgraphs, restore_subgraphs, unify_ends
from nirx.files.nir_form.square import insert_before, remove_before
from nirx.graphs.feedback import adjacency, reachable
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.neuron_form import move_neurons_out
from nirx.graphs.ports import Ends

__all__ = ["Shapes", "from_nir_form", "in_nir_form", "spread_parameters"]

Shapes = Mapping[Path, tuple[Shape, Shape]]
"""Input and output shape of every node, by path."""

EXPECTED = "a form that nir.read accepts with its type check on"
MEND = "pass strict=False to nirx.write: then nirx reads the file, but nir.read refuses it"


def in_nir_form(graph: nir.NIRGraph, shapes: Shapes) -> tuple[nir.NIRGraph, list[Fault]]:
    """A checked graph as nir accepts it.

    Arguments:
        graph: not changed.
        shapes: of its nodes.

    Returns: a new graph, which may share nodes with the given one; and the nodes that stay as they
    are because their form would be too large. Registered types do not count: nir knows none.
    """
    graphs: dict[Path, nir.NIRGraph] = {}
    before: dict[Path, dict[str, nir.Conv2d]] = {}
    faults: list[Fault] = []
    for path, old, _ in walk_graphs(graph):
        new = graphs[path] = nir.NIRGraph({}, list(old.edges), type_check=False)
        new.metadata = old.metadata or {}
        if path:
            graphs[path[:-1]].nodes[path[-1]] = new
        for name, node in old.nodes.items():
            new.nodes[name] = node  # a subgraph keeps its place; its copy replaces it later
            own = (*path, name)
            if own in shapes:
                try:
                    new.nodes[name], padding = node_form(node, *shapes[own])
                except TooLarge as reason:
                    faults.append(Fault(format_path(own), str(reason), EXPECTED, MEND))
                    new.nodes[name], padding = node, None
                if padding is not None:
                    before.setdefault(path, {})[name] = padding
    for path in sorted(graphs, key=len, reverse=True):
        own = graphs[path]
        unify_ends(own)
        insert_before(own, before.get(path, {}))
        ends = Ends(own.nodes)
        merge_double_edges(own, lambda end, e=ends, p=path: _leaving(e, p, end, shapes))
        inline_subgraphs(own, lambda below, p=path: shapes[*p, *below][0])
    for _, own, _ in list(walk_graphs(graphs[()])):
        found = {name: pool_form(own.nodes[name]) for name in _lost_pools(own)}
        own.nodes |= {name: conv for name, (conv, _) in found.items()}
        insert_before(own, {name: pad for name, (_, pad) in found.items() if pad is not None})
    connect_an_input(graphs[()])
    move_neurons_out(graphs[()])
    return graphs[()], faults


def from_nir_form(graph: nir.NIRGraph) -> None:
    """Restore what `in_nir_form` changed, at any depth; the graph is changed."""
    for _, below, _ in sorted(walk_graphs(graph), key=lambda item: -len(item[0])):
        restore_subgraphs(below)
    for _, below, _ in list(walk_graphs(graph)):
        restore_double_edges(below)
        disconnect_inputs(below)
        remove_before(below)
        nodes = sorted(below.nodes.items())
        below.nodes = {name: restored_node(node) for name, node in nodes}


def _leaving(ends: Ends, path: Path, end: str, shapes: Shapes) -> Shape:
    return shapes[*path, *ends.resolve(end, nir.Output)][1]


def _lost_pools(graph: nir.NIRGraph) -> list[str]:
    """The pools in cycles that no Input reaches: nir infers their shape from the Inputs only."""
    names = [name for name, node in graph.nodes.items() if isinstance(node, POOLS)]
    if not names:
        return []
    index = {name: i for i, name in enumerate(graph.nodes)}
    successors = adjacency(len(index), [(index[a], index[b]) for a, b in graph.edges])
    inputs = (i for name, i in index.items() if isinstance(graph.nodes[name], nir.Input))
    reached = reachable(successors, inputs)
    return [name for name in names if not reached[index[name]]]
