"""Inlining: a nested graph as one flat list of nodes, and edges between paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import nir

Path = tuple[str, ...]
"""Names from the outermost graph down to the node."""

Edge = tuple[Path, Path]


def path_text(path: Path) -> str:
    """A path as one text: names escaped as in RFC 6901, joined by "/"."""
    return "/".join(name.replace("~", "~0").replace("/", "~1") for name in path)


def inline(graph: nir.NIRGraph) -> tuple[dict[Path, Any], list[Edge]]:
    """All nodes except graphs, by path, and all edges; a duplicated edge stays duplicated.

    Inputs and Outputs of subgraphs stay, as nodes that pass their value through.
    """
    return dict(_nodes(graph, ())), list(_edges(graph, ()))


def _nodes(graph: nir.NIRGraph, above: Path) -> Iterator[tuple[Path, Any]]:
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            yield from _nodes(node, (*above, name))
        else:
            yield (*above, name), node


def _edges(graph: nir.NIRGraph, above: Path) -> Iterator[Edge]:
    for source, target in graph.edges:
        yield (
            (*above, *_end(graph.nodes, source, nir.Output)),
            (*above, *_end(graph.nodes, target, nir.Input)),
        )
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            yield from _edges(node, (*above, name))


def _end(nodes: Mapping[str, Any], name: str, port: type) -> Path:
    """The node that an end of an edge refers to: a node, a subgraph's only port, or "sub.port"."""
    if name in nodes:
        if not isinstance(nodes[name], nir.NIRGraph):
            return (name,)
        (only,) = [k for k, node in nodes[name].nodes.items() if isinstance(node, port)]
        return (name, only)
    splits = [(name[:dot], name[dot + 1 :]) for dot, sign in enumerate(name) if sign == "."]
    (found,) = [
        (sub, inner)
        for sub, inner in splits
        if isinstance(nodes.get(sub), nir.NIRGraph)
        and isinstance(nodes[sub].nodes.get(inner), port)
    ]
    return found
