"""Edges in a form that nir's reader accepts: no parallel ones, and one that leaves an Input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import free_name
from nirx.dynamics.ops import Shape
from nirx.files.nir_form.hints import hint_of, with_hint

__all__ = [
    "connect_an_input",
    "disconnect_inputs",
    "merge_double_edges",
    "restore_double_edges",
]

MOST_EDGES = 1_000_000
"""Limit for the edges that the Scales of a graph in a file may stand for."""


def merge_double_edges(graph: nir.NIRGraph, shape_of: Callable[[str], Shape]) -> None:
    """Replace parallel edges by a Scale; the graph is changed.

    Arguments:
        graph: its own edges only.
        shape_of: the shape of what leaves the source of an edge.
    """
    counts = Counter(graph.edges)
    if len(counts) == len(graph.edges):
        return
    edges = []
    for source, target in counts:  # in the order of the first of each
        count = counts[source, target]
        if count > 1:
            scale = nir.Scale(np.full(shape_of(source), count, np.float32))
            name = free_name(f"{source}.times_{count}", graph.nodes)
            graph.nodes[name] = with_hint(scale, {"edges": count})
            edges.append((source, name))
            source = name
        edges.append((source, target))
    graph.edges = edges


def restore_double_edges(graph: nir.NIRGraph) -> None:
    """Undo `merge_double_edges`; the graph is changed."""
    stands = {}
    nodes: dict[str, Any] = graph.nodes
    for name, node in nodes.items():
        count = hint_of(node).get("edges") if isinstance(node, nir.Scale) else None
        if isinstance(count, int) and count > 1 and np.all(node.scale == count):
            stands[name] = count
    if not stands or sum(stands.values()) > MOST_EDGES:
        return
    into = Counter(b for _, b in graph.edges)
    out = Counter(a for a, _ in graph.edges)
    stands = {n: c for n, c in stands.items() if into[n] == out[n] == 1}
    source = {b: a for a, b in graph.edges if b in stands}
    # A chain of stand-ins was not written by nirx.
    stands = {n: c for n, c in stands.items() if source[n] not in stands}
    edges = []
    for a, b in graph.edges:
        if a in stands:
            edges += [(source[a], b)] * stands[a]
        elif b not in stands:
            edges.append((a, b))
    graph.edges = edges
    for name in stands:
        del graph.nodes[name]


def connect_an_input(graph: nir.NIRGraph) -> None:
    """Let an Input that nothing reads reach an Output of its own, if none reaches anything.

    nir infers shapes along the edges that leave an Input, and refuses a graph without any.
    """
    inputs = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    if inputs and not {a for a, _ in graph.edges}.intersection(inputs):
        output = nir.Output({"output": graph.nodes[inputs[0]].input_type["input"]})
        name = free_name(f"output_{inputs[0]}", graph.nodes)
        graph.nodes[name] = with_hint(output, {"added": True})
        graph.edges = [*graph.edges, (inputs[0], name)]


def disconnect_inputs(graph: nir.NIRGraph) -> None:
    """Undo `connect_an_input`; the graph is changed."""
    added = [
        name
        for name, node in graph.nodes.items()
        if isinstance(node, nir.Output) and hint_of(node).get("added") is True
    ]
    for name in added[:1]:  # nirx adds one
        sources = [a for a, b in graph.edges if b == name]
        if [type(graph.nodes.get(a)) for a in sources] == [nir.Input]:
            graph.edges = [e for e in graph.edges if e[1] != name]
            del graph.nodes[name]
