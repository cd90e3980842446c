"""`nirx.recognise`: NIR nodes in place of the neurons of a graph that are NIR's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nir

from nirx.basics.paths import Path, format_path
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.neuron_node import Neuron
from nirx.errors import InputError
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.metadata import given_or_stored, resolve_discretization
from nirx.graphs.origin import node_at, rebuild_graph
from nirx.graphs.repair import Change
from nirx.graphs.returns import map_returns, stored_returns, with_returns
from nirx.graphs.schedule import build_schedule
from nirx.graphs.wrapping import wrapped
from nirx.tracing.exporting import with_discretization
from nirx.tracing.recognition.one_rule import all_recognised, one_rule, uses_dt
from nirx.tracing.recognition.recognition import Recognition

__all__ = ["recognise"]


def recognise(
    graph: Any, discretization: Discretization | None = None
) -> tuple[nir.NIRGraph, tuple[Change, ...]]:
    """Put NIR nodes in place of every `nirx.Neuron` that equals one under some discretization.

    The step of a neuron is brought into a normal form and solved for the parameters of IF, LIF,
    LI, I, CubaLIF, CubaLI, Threshold or Scale; then both run 1,000 steps in float64, with equal
    spikes and states that differ by roundings only. Other neurons stay as they are.

    Arguments:
        graph: a `nir.NIRGraph`, or a lone node; not changed.
        discretization: of the other nodes of the graph. None takes the one in its metadata, else,
            if other nodes depend on it, the default with a warning.

    Returns: a new graph, whose metadata hold the discretization under which it does the same, and
    a `Change` for each neuron that was recognised. A graph without any has no changes.

    **Raises**: `InputError` if `graph` is not a graph; `GraphError` for faults of the graph.

    **Units**: new time constants have the unit of dt; in a graph without any other, they count
    steps, unless every neuron has the same parameter "dt".
    """
    graph = wrapped(graph)
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"expected a nir.NIRGraph, got a {type(graph).__name__}; see nirx.read")
    base = given_or_stored(graph, discretization)
    schedule, _ = build_schedule(graph, base or Discretization())
    shapes = {node.path: node.input_shape for node in schedule.nodes}
    leaves = _leaves(graph)
    neurons = {p: (n, shapes[p]) for p, n in leaves.items() if isinstance(n, Neuron)}
    if base is None and uses_dt(leaves.values()):
        base = resolve_discretization(graph, None)
    found = all_recognised(neurons, None if base is None else base.dt)
    new, found = _without_lost_returns(graph, found)
    if not found:
        return new, ()
    changes = tuple(Change(format_path(path), own.text) for path, own in found.items())
    return with_discretization(new, one_rule(base, found)), changes


def _leaves(graph: nir.NIRGraph) -> dict[Path, Any]:
    found = {
        (*path, name): node
        for path, below, _ in walk_graphs(graph)
        for name, node in below.nodes.items()
        if not isinstance(node, nir.NIRGraph)
    }
    return dict(sorted(found.items()))


def _without_lost_returns(
    graph: nir.NIRGraph, found: Mapping[Path, Recognition]
) -> tuple[nir.NIRGraph, dict[Path, Recognition]]:
    """The new graph, and what was recognised without losing a state that the graph returns."""
    tree = stored_returns(graph)
    keys: list[str] = []
    map_returns(tree, lambda key: keys.append(key) or key)
    kept, names = {}, {}
    for path, own in found.items():
        here = format_path(path)
        states = node_at(graph, path).step.states
        own_names = {f"{here}.{theirs}": f"{here}.{name}" for name, theirs in own.states.items()}
        if all(f"{here}.{s}" in own_names or f"{here}.{s}" not in keys for s in states):
            kept[path] = own
            names |= own_names
    new = rebuild_graph(graph, {path: own.node for path, own in kept.items()})
    if tree is not None:
        with_returns(new, map_returns(tree, lambda key: names.get(key, key)))
    return new, kept
