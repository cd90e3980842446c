"""`nirx.check`: all faults of a graph at once, and warnings for what is probably not intended."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nir

from nirx.basics.paths import format_path, parse_path
from nirx.basics.printable import quoted
from nirx.dynamics.base import Dynamics
from nirx.dynamics.delay import Delay
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.integers.types import in_integers
from nirx.dynamics.parameters import NodeMismatch, check_finite, check_positive, parameter
from nirx.errors import MOST_LINES, Fault, GraphError, warn_caller
from nirx.graphs.declared import port_text, redeclared_faults
from nirx.graphs.feedback import adjacency, algebraic_loops, reachable
from nirx.graphs.flatten import Claim, FlatGraph, flatten, nothing_custom
from nirx.graphs.leakless import leakless_fault
from nirx.graphs.metadata import given_or_stored
from nirx.graphs.metadata_faults import metadata_faults
from nirx.graphs.misnamed import REPAIR
from nirx.graphs.redeclaring import redeclare
from nirx.graphs.shapes import Shapes, infer_shapes
from nirx.graphs.wrapping import wrapped

__all__ = ["Examination", "check", "examine", "node_fault", "node_faults", "warn_of"]


@dataclass
class Examination:
    """A flattened and checked graph.

    Arguments:
        flat: its nodes and edges.
        shapes: per node.
        dynamics: per node; None if a `node_map` runs its type, or if it is faulty.
        delay: per node, whether it delays every element by at least one step.
        faults: what is wrong.
        warnings: what is legal but unusual.
        misdeclared: warnings of wrong shapes of ports, which do not depend on the discretization.
    """

    flat: FlatGraph
    shapes: Shapes
    dynamics: list[Dynamics | None]
    delay: list[bool]
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    misdeclared: list[str] = field(default_factory=list)


def check(graph: Any, discretization: Discretization | None = None) -> None:
    """Check a graph in memory as `nirx.read` checks one in a file.

    Warns with `NirxWarning` about what is legal but unusual.

    Arguments:
        graph: any `nir.NIRGraph`, or a lone node; it is not changed.
        discretization: with it (or with one in the graph's metadata) delays and time
            constants are checked against dt as well.

    **Raises**: `GraphError` with all faults; `InputError` if `graph` is not a graph or
    `discretization` is not a discretization.
    """
    graph = wrapped(graph)
    examination = examine(graph, given_or_stored(graph, discretization))
    if examination.faults:
        raise GraphError(examination.faults)
    warn_of(examination)


def warn_of(examination: Examination) -> None:
    """Emit the warnings of a graph as `NirxWarning`s of the caller."""
    for text in (*examination.misdeclared, *examination.warnings):
        warn_caller(text)


def examine(
    graph: nir.NIRGraph,
    discretization: Discretization | None,
    custom: Callable[[type], Claim | None] = nothing_custom,
) -> Examination:
    """Flatten, infer shapes and find every fault.

    Arguments:
        discretization: None checks what does not depend on it.
        custom: whether a node map, rather than nirx, runs the nodes of a type.
    """
    flat = flatten(graph, custom)
    count = len(flat.nodes)
    own_faults = node_faults(flat)
    faulty = [fault is not None for fault in own_faults]
    shapes, shape_faults = infer_shapes(flat, faulty)
    meant = redeclare(flat, faulty) if shape_faults else None
    if meant is not None and len(meant.faults) < len(shape_faults):
        causes = redeclared_faults(flat, meant, shape_faults)
        shapes, shape_faults = meant.shapes, [*causes, *meant.faults]
    faults = [*flat.faults, *filter(None, own_faults), *_missing_ends(flat), *shape_faults]
    faults += metadata_faults(graph, flat)
    result = Examination(flat, shapes, [None] * count, [False] * count, faults)
    _build_dynamics(result, discretization, _unbuildable(flat, faulty, shape_faults))
    _check_loops(result)
    if discretization is not None:
        _check_overrides(result, discretization)
    if not result.faults:
        result.warnings += _unread_nodes(flat)
        result.misdeclared += _misdeclared(flat, shapes)
    return result


def node_faults(flat: FlatGraph) -> list[Fault | None]:
    """What is wrong with the parameters of each node, even if a user's module runs it."""
    return [
        node_fault(format_path(n.path), n.node, n.type.dynamics) if n.type.dynamics else None
        for n in flat.nodes
    ]


def node_fault(where: str, node: Any, dynamics: type[Dynamics]) -> Fault | None:
    """What is wrong with a node's own parameters for any input, or None."""
    no_bias = getattr(node, "bias", None) is None
    try:
        names = dynamics.parameter_names(node)
        check_finite(node, tuple(n for n in names if n != "bias" or not no_bias))
        check_positive(node, dynamics.positive)
        dynamics.check(node)
    except NodeMismatch as mismatch:
        return leakless_fault(where, node) or mismatch.fault(where)  # tau = inf is not finite
    return None


def _unbuildable(flat: FlatGraph, faulty: list[bool], shape_faults: list[Fault]) -> list[bool]:
    """Per node, whether its parameters are faulty or do not fit its input."""
    misfits = {fault.where for fault in shape_faults}
    if not misfits:
        return faulty
    return [a or format_path(n.path) in misfits for a, n in zip(faulty, flat.nodes, strict=True)]


def _missing_ends(flat: FlatGraph) -> list[Fault]:
    faults = []
    if () not in flat.broken:
        for kind in (nir.Input, nir.Output):
            if not flat.ports(kind):
                name = kind.__name__
                expected = f"at least one nir.{name} in the outermost graph"
                faults.append(Fault("graph", f"no {name}", expected))
    entered = {target for _, target in flat.edges}
    # A missing edge is in the node's own graph or, for a subgraph's Input, one level above.
    explained = {graph for broken in flat.broken for graph in (broken, broken[:-1])}
    for index, node in enumerate(flat.nodes):
        known = index in entered or flat.is_port(index, nir.Input)
        if known or node.path[:-1] in explained or node.path[:-2] in explained:
            continue  # or the missing edge is already a fault
        faults.append(
            Fault(
                format_path(node.path),
                f"{node.type.name} without incoming edges",
                "at least one edge into every node but the outermost Inputs",
                "connect or remove it",
            )
        )
    return faults


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
        result.delay[index] = kind is Delay  # a faulty one too: no fault of its loop on top of it
        if skip[index] or takes is None or gives is None:
            continue
        if discretization is None:
            # Without dt, any positive delay counts as a whole step.
            result.delay[index] = kind is Delay and bool((parameter(node.node, "delay") > 0).all())
            continue
        rule = discretization.at(node.path)
        try:
            kind = kind if rule.arithmetic is None else in_integers(kind)
            built = kind.build(node.node, rule, takes, gives)
        except NodeMismatch as mismatch:
            result.faults.append(mismatch.fault(format_path(node.path)))
            continue
        result.dynamics[index] = built
        result.delay[index] = built.whole_step_delay
        for text in kind.warnings(node.node, rule):
            odd.setdefault(text, []).append(format_path(node.path))
    named = list(odd.items())[:MOST_LINES]
    result.warnings += [f"{_some(paths)}: {text}" for text, paths in named]
    left = sum(map(len, odd.values())) - sum(len(paths) for _, paths in named)
    if left:
        result.warnings.append(f"{left:,} more warnings of time constants and delays")


def _some(paths: list[str]) -> str:
    shown = ", ".join(quoted(p) for p in paths[:3])
    return shown + (f" and {len(paths) - 3:,} more" if len(paths) > 3 else "")


def _check_loops(result: Examination) -> None:
    flat = result.flat
    neuron = [n.type.neuron for n in flat.nodes]
    for loop in algebraic_loops(len(flat.nodes), flat.edges, neuron, result.delay):
        paths = [format_path(flat.nodes[i].path) for i in loop]
        result.faults.append(
            Fault(
                paths[0],
                f"algebraic loop: {_some(paths)} form a cycle without any one-step delay",
                "a neuron, or a Delay of at least one step in every element, in every cycle",
                "add a Delay of one step",
            )
        )


def _check_overrides(result: Examination, discretization: Discretization) -> None:
    paths = [node.path for node in result.flat.nodes]  # sorted: a subgraph is before its nodes
    for text in discretization.overrides:
        path = parse_path(text)
        place = bisect_left(paths, path)
        if place == len(paths) or paths[place][: len(path)] != path:
            result.faults.append(
                Fault(f"discretization override {text!r}", "no node or subgraph at that path")
            )


def _misdeclared(flat: FlatGraph, shapes: Shapes) -> list[str]:
    found = []
    for index, declared in sorted(shapes.misdeclared.items()):
        takes = shapes.inputs[index]
        assert takes is not None, "a port without a shape is not misdeclared"
        found.append(f"{format_path(flat.nodes[index].path)} {port_text(declared, takes)}")
    if not found:
        return []
    more = f" (and {len(found) - 3:,} more)" if len(found) > 3 else ""
    return [f"{'; '.join(found[:3])}{more}; nothing depends on it. {REPAIR} corrects it"]


def _unread_nodes(flat: FlatGraph) -> list[str]:
    predecessors = adjacency(len(flat.nodes), [(b, a) for a, b in flat.edges])
    read = reachable(predecessors, flat.ports(nir.Output))
    paths = [format_path(n.path) for n, known in zip(flat.nodes, read, strict=True) if not known]
    return [f"{_some(paths)}: no path to an Output; it runs and can be recorded"] if paths else []
