"""Nesting: a flat graph whose node names are paths becomes graphs within graphs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import nir

from nirx.basics.paths import Path, format_path, free_name, parse_path
from nirx.dynamics.discretization import Discretization
from nirx.graphs.metadata import DISCRETIZATION_KEY

__all__ = ["nest_graph"]

Edge = tuple[Path, Path]


def nest_graph(graph: nir.NIRGraph, paths: Mapping[str, Path]) -> nir.NIRGraph:
    """Put nodes into nested graphs.

    Arguments:
        graph: must not have edges that enter a subgraph by a port name.
        paths: of the nodes to nest: the names of the enclosing graphs, then the node's own
            name. Nodes with the same path prefix share a graph.

    Returns: a new graph of the same nodes. Values enter a nested graph through an Input
    ("input", or "input_0", ...) and leave it through an Output; values that are read by the
    same nodes share a port, where they are added up.
    """
    own = {name: paths.get(name, (name,)) for name in graph.nodes}
    nodes = {own[name]: node for name, node in graph.nodes.items()}
    edges = [(own[a], own[b]) for a, b in graph.edges]
    depth = max((len(path) for path in nodes), default=1)
    for level in range(depth - 1, 0, -1):
        for inside in sorted({p[:level] for p in nodes if len(p) > level}):
            nodes, edges = _gathered(nodes, edges, inside)
    return nir.NIRGraph(
        {path[0]: node for path, node in nodes.items()},
        [(_end(a), _end(b)) for a, b in edges],
        metadata=_renamed(dict(graph.metadata or {}), own),
        type_check=False,
    )


def _renamed(metadata: dict[str, Any], paths: Mapping[str, Path]) -> dict[str, Any]:
    """The metadata, with the paths of per-node overrides as they are in the nested graph."""
    text = metadata.get(DISCRETIZATION_KEY)
    if text is None:
        return metadata
    flat = Discretization.from_json(text)
    overrides = {}
    for path, own in flat.overrides.items():
        first, *rest = parse_path(path)
        overrides[format_path((*paths[first], *rest))] = own
    return {**metadata, DISCRETIZATION_KEY: replace(flat, overrides=overrides).to_json()}


PORT = ""
"""Marks the last name of an edge's end as a port of the graph before it."""


def _end(path: Path) -> str:
    return path[0] if len(path) == 1 else f"{path[0]}.{path[2]}"


def _gathered(
    nodes: dict[Path, Any], edges: list[Edge], inside: Path
) -> tuple[dict[Path, Any], list[Edge]]:
    """Replace all nodes below a path by one graph of them."""
    level = len(inside)

    def is_inside(end: Path) -> bool:
        return end[:level] == inside and len(end) > level

    within = [(a, b) for a, b in edges if is_inside(a) and is_inside(b)]
    entering = [(a, b) for a, b in edges if not is_inside(a) and is_inside(b)]
    leaving = [(a, b) for a, b in edges if is_inside(a) and not is_inside(b)]
    outside = [(a, b) for a, b in edges if not is_inside(a) and not is_inside(b)]
    children = {p[level]: n for p, n in nodes.items() if is_inside(p)}
    inner = [(_end(a[level:]), _end(b[level:])) for a, b in within]
    for port, crossing, kind in (("input", entering, nir.Input), ("output", leaving, nir.Output)):
        enters = kind is nir.Input
        groups = _groups(crossing, enters)
        for number, (far, near) in enumerate(groups):
            name = free_name(port if len(groups) == 1 else f"{port}_{number}", children)
            shape = _shape(nodes, far if enters else near)
            children[name] = kind({port: shape})
            end = inside if len(groups) == 1 else (*inside, PORT, name)
            inner += [(name, _end(n[level:])) if enters else (_end(n[level:]), name) for n in near]
            outside += [(f, end) if enters else (end, f) for f in far]
    rest = {p: n for p, n in nodes.items() if not is_inside(p)}
    rest[inside] = nir.NIRGraph(children, inner, type_check=False)
    return rest, outside


def _groups(crossing: list[Edge], enters: bool) -> list[tuple[list[Path], list[Path]]]:
    """Edges across a border, as groups (outer ends, inner ends) in which all pairs are edges."""
    readers: dict[Path, list[Path]] = defaultdict(list)
    for source, target in crossing:
        readers[source].append(target)
    merged: dict[tuple[Path, ...], list[Path]] = defaultdict(list)
    for source, targets in readers.items():
        merged[tuple(sorted(targets))].append(source)
    return [(s, [*t]) if enters else ([*t], s) for t, s in merged.items()]


def _shape(nodes: dict[Path, Any], ends: list[Path]) -> Any:
    for end in ends:
        node = nodes.get(end)
        types = getattr(node, "output_type", None)
        if isinstance(types, dict) and len(types) == 1:
            return next(iter(types.values()))
    return None
