"""Check: all faults of a graph at once, and what is legal but probably not meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path, format_path, parse_path
from nirx.dynamics.base import Dynamics, NodeMismatch, check_finite, check_positive, parameter
from nirx.dynamics.delay import Delay
from nirx.dynamics.discretization import Discretization
from nirx.errors import Fault, GraphError, InputError, warn_caller
from nirx.graphs.feedback import adjacency, algebraic_loops
from nirx.graphs.flatten import Claim, FlatGraph, flatten, nothing_custom, walk_graphs
from nirx.graphs.metadata import given_or_stored
from nirx.graphs.shapes import Shapes, infer_shapes

__all__ = ["Examination", "check", "examine", "node_fault", "warn_of"]


@dataclass
class Examination:
    """A graph taken apart and checked.

    Arguments:
        flat: its nodes and edges.
        shapes: per node.
        dynamics: per node; None for types that a `node_map` runs, and where there are faults.
        delay: per node, whether it delays every element by a step or more.
        faults, warnings: what is wrong, and what is odd.
    """

    flat: FlatGraph
    shapes: Shapes
    dynamics: list[Dynamics | None]
    delay: list[bool]
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check(graph: Any, discretization: Discretization | None = None) -> None:
    """Check a graph in memory as `nirx.read` checks one in a file.

    Arguments:
        graph: any `nir.NIRGraph`, left as it is. (`nirx.read` checks files.)
        discretization: with it (or with one in the graph's metadata) delays and time
            constants are checked against dt too.

    **Raises**: `GraphError` with all faults, `InputError` for what is no graph or no
    discretization. Warns with `NirxWarning`.
    """
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"expected a nir.NIRGraph, got a {type(graph).__name__}; see nirx.read")
    examination = examine(graph, given_or_stored(graph, discretization))
    if examination.faults:
        raise GraphError(examination.faults)
    warn_of(examination)


def warn_of(examination: Examination) -> None:
    """Give each oddity of a graph as a `NirxWarning` of the caller."""
    for text in examination.warnings:
        warn_caller(text)


def examine(
    graph: nir.NIRGraph,
    discretization: Discretization | None,
    custom: Callable[[type], Claim | None] = nothing_custom,
) -> Examination:
    """Flatten, infer shapes and find every fault.

    Arguments:
        discretization: None checks what does not depend on it.
        custom: how a node map, rather than nirx, runs nodes of a type.
    """
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"expected a nir.NIRGraph, got a {type(graph).__name__}")
    flat = flatten(graph, custom)
    faults = list(flat.faults)
    own_faults = [_own_fault(flat, i) for i in range(len(flat.nodes))]
    faults += [f for f in own_faults if f is not None]
    faults += _missing_ends(flat)
    shapes, shape_faults = infer_shapes(flat, [f is not None for f in own_faults])
    faults += shape_faults
    faults += _metadata_faults(graph, flat)
    result = Examination(flat, shapes, [None] * len(flat.nodes), [False] * len(flat.nodes), faults)
    _build_dynamics(result, discretization, [f is not None for f in own_faults])
    _check_loops(result)
    if discretization is not None:
        _check_overrides(result, discretization)
    if not result.faults:
        result.warnings += _unread_nodes(flat)
    return result


def _own_fault(flat: FlatGraph, index: int) -> Fault | None:
    # Parameters of NIR's types are checked also where a user's module is to run them.
    node = flat.nodes[index]
    if node.type.dynamics is None:
        return None
    return node_fault(format_path(node.path), node.node, node.type.dynamics)


def node_fault(where: str, node: Any, dynamics: type[Dynamics]) -> Fault | None:
    """What is wrong with a node's own parameters, whatever its input is, or None."""
    try:
        names = [n for n in dynamics.parameters if n != "bias" or _has(node, n)]
        for name in names:
            parameter(node, name)
        check_finite(node, tuple(names))
        check_positive(node, dynamics.positive)
        dynamics.check(node)
    except NodeMismatch as mismatch:
        return Fault(where, mismatch.found, mismatch.expected, mismatch.mend)
    return None


def _metadata_faults(graph: nir.NIRGraph, flat: FlatGraph) -> list[Fault]:
    graphs = [(path or ("graph",), g) for path, g, _ in walk_graphs(graph)]
    owners = [*graphs, *((node.path, node.node) for node in flat.nodes)]
    found = ((path, getattr(owner, "metadata", None)) for path, owner in owners)
    return [
        Fault(format_path(path), f"metadata is a {type(metadata).__name__}", "a dict")
        for path, metadata in found
        if metadata is not None and not isinstance(metadata, dict)
    ]


def _has(node: object, name: str) -> bool:
    return getattr(node, name, None) is not None


def _missing_ends(flat: FlatGraph) -> list[Fault]:
    faults = []
    if () not in flat.broken:
        for kind in (nir.Input, nir.Output):
            if not flat.ports(kind):
                name = kind.__name__
                expected = f"at least one nir.{name} in the outermost graph"
                faults.append(Fault("graph", f"no {name}", expected))
    entered = {target for _, target in flat.edges}
    for index, node in enumerate(flat.nodes):
        if index in entered or flat.is_port(index, nir.Input):
            continue
        if _explained(flat, node.path):
            continue  # the edge that is missing here has a fault of its own
        faults.append(
            Fault(
                format_path(node.path),
                f"{node.type.name} without incoming edges",
                "at least one edge into every node but the outermost Inputs",
                "connect or remove it",
            )
        )
    return faults


def _explained(flat: FlatGraph, path: Path) -> bool:
    if not flat.broken:
        return False
    # The missing edge stands in the node's own graph, or, for a subgraph's Input, one above.
    graphs = (path[:-1], path[:-2])
    return any(b in graphs or b[:-1] in graphs for b in flat.broken)


def _build_dynamics(
    result: Examination, discretization: Discretization | None, skip: list[bool]
) -> None:
    flat, shapes = result.flat, result.shapes
    odd: dict[str, list[str]] = {}
    for index, node in enumerate(flat.nodes):
        kind = None if node.custom else node.type.dynamics
        takes, gives = shapes.inputs[index], shapes.outputs[index]
        if kind is None:
            continue
        if skip[index] or takes is None or gives is None:
            result.delay[index] = kind is Delay  # its own fault is enough, it makes no loop too
            continue
        if discretization is None:
            # Without dt, a Delay counts as whole-step where it delays at all.
            result.delay[index] = kind is Delay and bool((parameter(node.node, "delay") > 0).all())
            continue
        rule = discretization.at(node.path)
        try:
            built = kind.build(node.node, rule, takes, gives)
        except NodeMismatch as mismatch:
            path = format_path(node.path)
            result.faults.append(Fault(path, mismatch.found, mismatch.expected, mismatch.mend))
            result.delay[index] = kind is Delay
            continue
        result.dynamics[index] = built
        result.delay[index] = built.whole_step_delay
        for text in kind.warnings(node.node, rule):
            odd.setdefault(text, []).append(format_path(node.path))
    result.warnings += [f"{_some(paths)}: {text}" for text, paths in odd.items()]


def _some(paths: list[str]) -> str:
    shown = ", ".join(repr(p) for p in paths[:3])
    return shown + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _check_loops(result: Examination) -> None:
    flat = result.flat
    neuron = [n.type.neuron for n in flat.nodes]
    for loop in algebraic_loops(len(flat.nodes), flat.edges, neuron, result.delay):
        paths = [format_path(flat.nodes[i].path) for i in loop]
        result.faults.append(
            Fault(
                paths[0],
                f"algebraic loop: {_some(paths)} form a cycle in which nothing waits a step",
                "a neuron, or a Delay of at least one step in every element, in every cycle",
                "add a Delay of one step",
            )
        )


def _check_overrides(result: Examination, discretization: Discretization) -> None:
    known = {n.path[:k] for n in result.flat.nodes for k in range(1, len(n.path) + 1)}
    for text in discretization.overrides:
        if parse_path(text) not in known:
            result.faults.append(
                Fault(f"discretization override {text!r}", "no node or subgraph of that path")
            )


def _unread_nodes(flat: FlatGraph) -> list[str]:
    predecessors = adjacency(len(flat.nodes), [(b, a) for a, b in flat.edges])
    seen = np.zeros(len(flat.nodes), bool)
    work = flat.ports(nir.Output)
    seen[work] = True
    while work:
        for index in predecessors[work.pop()]:
            if not seen[index]:
                seen[index] = True
                work.append(index)
    paths = [format_path(flat.nodes[i].path) for i in np.flatnonzero(~seen)]
    return [f"{_some(paths)}: no way to an Output; it runs and can be recorded"] if paths else []
