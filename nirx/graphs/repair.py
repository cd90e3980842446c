"""`nirx.repair`: mend what is certain in a graph as other tools write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import format_path
from nirx.dynamics.geometry import integer
from nirx.dynamics.ops import Shape
from nirx.dynamics.reshape import MOST_AXES
from nirx.errors import Fault, GraphError, InputError
from nirx.graphs.check import node_faults
from nirx.graphs.declared import redeclared_text
from nirx.graphs.flatten import FlatGraph, flatten, walk_graphs
from nirx.graphs.leakless import without_leak
from nirx.graphs.metadata_faults import metadata_faults
from nirx.graphs.misnamed import mend_names
from nirx.graphs.origin import rebuild_graph
from nirx.graphs.ports import declare_ports, declared_side, edges_of, ends_of, port_names
from nirx.graphs.redeclaring import redeclare
from nirx.graphs.shapes import declared_shapes
from nirx.graphs.wrapping import wrapped

__all__ = ["Change", "declare_port", "repair"]


@dataclass(frozen=True)
class Change:
    """One thing that `repair` changed.

    Arguments:
        where: the path of the node or subgraph.
        text: what was wrong, and what it is now.
    """

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def repair(graph: Any) -> tuple[nir.NIRGraph, tuple[Change, ...]]:
    """Mend what is certain in a graph; whether the result is a good graph, `nirx.check` says.

    - Leading axes of an Input that no parameters bear out (a batch, or batch and time) are removed;
      a Flatten that counted them no longer does.
    - Outputs, Flattens and ports of subgraphs declare the shape that they receive.
    - A subgraph that was flattened, while edges still name it, becomes a subgraph again.
    - The only name that is no node becomes the only node that no edge names.
    - An LI or LIF with tau = inf becomes an I or IF.

    Arguments:
        graph: a `nir.NIRGraph`, or a lone node; not changed.

    Returns: a new graph, which shares nothing with the given one, and the changes in the order
    in which they were made. A graph without such faults has no changes.

    **Raises**: `InputError` if `graph` is not a graph; `GraphError` if it is none that can be
    copied (it contains itself, or its nodes are not a dict).
    """
    graph = wrapped(graph)
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"expected a nir.NIRGraph, got a {type(graph).__name__}; see nirx.read")
    _require_copyable(graph)
    new = rebuild_graph(graph, {})
    changes = [*_name(new), *_replace_leakless(new), *_redeclare(new)]
    for _, below, _ in reversed(list(walk_graphs(new))):
        declare_ports(below)
    return new, tuple(changes)


def declare_port(node: Any, shape: Shape) -> None:
    """Let an Input, an Output or a Flatten declare the shape of its input."""
    declared = np.array(shape, np.int64)
    node.input_type = {"input": declared}
    if isinstance(node, nir.Input | nir.Output):
        node.output_type = {"output": declared.copy()}


def _require_copyable(graph: nir.NIRGraph) -> None:
    """Raise `GraphError` for a graph that contains itself, is no graph inside, or is too deep."""
    for _, current, recursive in walk_graphs(graph):
        named = isinstance(current.nodes, Mapping) and all(
            isinstance(name, str) and name for name in current.nodes
        )
        edges = edges_of(current)
        if recursive or not named or edges is None or None in map(ends_of, edges):
            raise GraphError(flatten(graph).faults)
        for kind, side in ((nir.Input, "input"), (nir.Output, "output")):
            for name in port_names(current, kind):
                if declared_side(current.nodes[name], side) is None:
                    raise GraphError([Fault(name, f"an {kind.__name__} without {side}_type")])
    if faults := metadata_faults(graph, flatten(graph)):
        raise GraphError(faults)


def _name(graph: nir.NIRGraph) -> list[Change]:
    changes = []
    for path, below, _ in sorted(walk_graphs(graph), key=lambda item: item[0]):
        done = mend_names(below)
        changes += [Change(format_path((*path, name)), text) for name, text in done]
    return changes


def _replace_leakless(graph: nir.NIRGraph) -> list[Change]:
    changes = []
    for path, below, _ in sorted(walk_graphs(graph), key=lambda item: item[0]):
        for name, node in sorted(below.nodes.items()):
            found = without_leak(node)
            if found is not None:
                below.nodes[name] = found[0]
                changes.append(Change(format_path((*path, name)), found[1]))
    return changes


def _redeclare(graph: nir.NIRGraph) -> list[Change]:
    flat = flatten(graph)
    found = redeclare(flat, [fault is not None for fault in node_faults(flat)])
    if found is None:
        return []
    changes = []
    for index, node in enumerate(flat.nodes):
        takes = found.shapes.inputs[index]
        texts = []
        if takes is not None and index in found.shapes.misdeclared:
            texts.append(redeclared_text(found.shapes.misdeclared[index], takes))
        elif takes is not None and isinstance(node.node, nir.Flatten):
            texts += _flatten_texts(flat, index, takes, found.flattens.get(index))
        if takes is None or not texts:
            continue
        declare_port(node.node, takes)
        if index in found.flattens:
            node.node.start_dim, node.node.end_dim = found.flattens[index]
        changes.append(Change(format_path(node.path), "; ".join(texts)))
    return changes


def _flatten_texts(
    flat: FlatGraph, index: int, takes: Shape, dims: tuple[int, int] | None
) -> list[str]:
    node, texts = flat.nodes[index].node, []
    declared = declared_shapes(flat, index)[0]
    if declared is not None and declared != takes:
        texts.append(redeclared_text(declared, takes))
    if dims is not None:
        texts.append(
            f"start_dim={integer(node, 'start_dim', -MOST_AXES)}, "
            f"end_dim={integer(node, 'end_dim', -MOST_AXES)} counted a batch axis, "
            f"now start_dim={dims[0]}, end_dim={dims[1]}"
        )
    return texts
