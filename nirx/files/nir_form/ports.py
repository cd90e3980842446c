"""Subgraphs that nir cannot connect, written inlined, and back.

nir connects a subgraph only if it has one Input and one Output, adds an Output for every node
that nothing reads, takes all shapes from the edges that leave the Input, and looks for an Output
of the name "output" in front of a pool. Other subgraphs are inlined into the graph around them.
Their ports become Scales by 1.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path, free_name
from nirx.dynamics.ops import Shape
from nirx.files.nir_form.hints import GRAPHS_KEY, hint_of, with_hint, without_hint
from nirx.files.nir_form.nodes import POOLS
from nirx.graphs.neuron_form import has_neurons
from nirx.graphs.ports import BadEnd, Ends, port_names

__all__ = ["inline_subgraphs", "restore_subgraphs", "unify_ends"]

PORTS = {"Input": nir.Input, "Output": nir.Output}


def unify_ends(graph: nir.NIRGraph) -> None:
    """Let edges name a subgraph with a single port by its own name; the graph is changed."""
    ends = Ends(graph.nodes)

    def unified(end: str, port: type) -> str:
        path = ends.resolve(end, port)
        return path[0] if len(path) == 1 or len(ends.ports(path[0], port)) == 1 else end

    if not any(isinstance(node, nir.NIRGraph) for node in graph.nodes.values()):
        graph.edges = [(a, b) for a, b in graph.edges]
        return
    graph.edges = [(unified(a, nir.Output), unified(b, nir.Input)) for a, b in graph.edges]


def inline_subgraphs(graph: nir.NIRGraph, shape_of: Callable[[Path], Shape]) -> None:
    """Inline the subgraphs of a graph that nir cannot connect; the graph is changed.

    Arguments:
        graph: the graphs below have been treated already.
        shape_of: the input shape of a node, by its path inside the graph.
    """
    readers: dict[str, list[Any]] = {}
    for a, b in graph.edges:
        readers.setdefault(a, []).append(graph.nodes.get(b))
    inlined: dict[str, Any] = {
        k: g for k, g in graph.nodes.items() if _needs_inlining(g, readers.get(k, []))
    }
    if not inlined:
        return
    names: dict[Path, str] = {}
    nodes: dict[str, Any] = {k: n for k, n in graph.nodes.items() if k not in inlined}
    taken = dict.fromkeys(graph.nodes)
    described = {}
    for name, below in inlined.items():
        if below.metadata:
            metadata = dict(below.metadata)
            for path, own in metadata.pop(GRAPHS_KEY, {}).items():
                described[json.dumps([name, *json.loads(path)])] = own
            if metadata:
                described[json.dumps([name])] = metadata
        for child, node in below.nodes.items():
            path = (name, *hint_of(node).get("path", [child]))
            new = copy.copy(node)
            hint: dict[str, Any] = {"path": list(path)}
            if isinstance(node, nir.Input | nir.Output):
                new = nir.Scale(np.ones(shape_of((name, child)), np.float32))
                new.metadata = dict(node.metadata or {})
                hint["port"] = type(node).__name__
            names[name, child] = free_name(f"{name}.{child}", taken)
            taken[names[name, child]] = None
            nodes[names[name, child]] = with_hint(new, hint)
    edges = []
    ends = Ends(graph.nodes)
    for a, b in graph.edges:
        source, target = ends.resolve(a, nir.Output), ends.resolve(b, nir.Input)
        edges.append((names.get(source, a), names.get(target, b)))
    for name, below in inlined.items():
        edges += [(names[name, a], names[name, b]) for a, b in below.edges]
    graph.nodes, graph.edges = nodes, edges
    if described:
        graph.metadata = {**(graph.metadata or {}), GRAPHS_KEY: described}


def _needs_inlining(node: Any, readers: list[Any]) -> bool:
    if not isinstance(node, nir.NIRGraph):
        return False
    if has_neurons(node):  # the outermost graph holds them all
        return True
    inputs, outputs = port_names(node, nir.Input), port_names(node, nir.Output)
    if len(inputs) != 1 or len(outputs) != 1:
        return True
    read = {a for a, _ in node.edges}
    if any(child not in read for child in node.nodes if child != outputs[0]):
        return True
    return outputs != ["output"] and (not readers or any(isinstance(n, POOLS) for n in readers))


# -- back -----------------------------------------------------------------------------------


class _Misfit(ValueError):
    """Hints that do not describe subgraphs."""


def restore_subgraphs(graph: nir.NIRGraph) -> None:
    """Undo `inline_subgraphs`; the graph is changed, unless its hints do not fit together."""
    hints = {name: hint_of(node) for name, node in graph.nodes.items()}
    paths = {name: _path(hint) for name, hint in hints.items() if "path" in hint}
    if not paths:
        return
    try:
        nodes, edges, metadata = _nested(graph, paths, hints)
    except (BadEnd, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return  # hints from elsewhere may hold anything
    graph.nodes, graph.edges, graph.metadata = nodes, edges, metadata


def _path(hint: dict[str, Any]) -> Path:
    path = hint["path"]
    good = isinstance(path, list) and len(path) > 1 and all(isinstance(n, str) for n in path)
    return tuple(path) if good else ()


def _nested(
    graph: nir.NIRGraph, paths: dict[str, Path], hints: dict[str, dict[str, Any]]
) -> tuple[dict[str, Any], list[tuple[str, str]], dict[str, Any]]:
    where = {name: paths.get(name, (name,)) for name in graph.nodes}
    if len(set(where.values())) < len(where) or () in where.values():
        raise _Misfit
    inside: dict[Path, nir.NIRGraph] = {(): nir.NIRGraph({}, [], type_check=False)}
    for path in sorted(where.values()):
        for length in range(1, len(path)):
            if path[:length] not in inside:
                below = nir.NIRGraph({}, [], type_check=False)
                inside[path[:length]] = below
                inside[path[: length - 1]].nodes[path[length - 1]] = below
    for name, path in where.items():
        if path in inside:
            raise _Misfit
        inside[path[:-1]].nodes[path[-1]] = _restored(graph.nodes[name], hints[name])
    for a, b in graph.edges:
        if a not in where or b not in where:
            raise _Misfit
        source, target = where[a], where[b]
        owner = source[:-1] if hints[a].get("port") != "Output" else source[:-2]
        if owner != (target[:-1] if hints[b].get("port") != "Input" else target[:-2]):
            raise _Misfit
        depth = len(owner)
        inside[owner].edges.append((_end(source[depth:]), _end(target[depth:])))
    metadata = dict(graph.metadata)
    for text, own in metadata.pop(GRAPHS_KEY, {}).items():
        path = tuple(json.loads(text))
        if path not in inside or not isinstance(own, dict):
            raise _Misfit
        inside[path].metadata = own
    for below in inside.values():
        unify_ends(below)
    return inside[()].nodes, inside[()].edges, metadata


def _restored(node: Any, hint: dict[str, Any]) -> Any:
    new = copy.copy(node)
    if "port" in hint:
        kind = PORTS.get(hint["port"])
        if kind is None or not isinstance(node, nir.Scale) or np.any(np.asarray(node.scale) != 1):
            raise _Misfit
        new = kind({hint["port"].lower(): np.array(np.shape(node.scale), np.int64)})
        new.metadata = dict(node.metadata)
    rest = {k: v for k, v in hint.items() if k not in ("path", "port")}
    return with_hint(without_hint(new), rest)


def _end(path: Path) -> str:
    return ".".join(path)
