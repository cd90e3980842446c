"""`nirx.recognise`: NIR nodes in place of the neurons of a graph that are NIR's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import nir

from nirx.basics.paths import Path, format_path
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.node_types import find_type
from nirx.errors import InputError
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.metadata import given_or_stored, resolve_discretization
from nirx.graphs.origin import node_at, rebuild_graph
from nirx.graphs.repair import Change
from nirx.graphs.returns import map_returns, stored_returns, with_returns
from nirx.graphs.rules import gather_rules
from nirx.graphs.schedule import build_schedule
from nirx.graphs.wrapping import wrapped
from nirx.tracing.exporting import with_discretization
from nirx.tracing.recognition.recognition import Recognition, recognised

__all__ = ["recognise"]

SPIKING = ("threshold", "spikes", "max_spikes")
RESET = ("reset", "reset_when")
LEAKY = ("integrator", "input_gain", "initial_v")
SYNAPSE = ("synapse", "synapse_input")


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
    neurons = {p: n for p, n in _leaves(graph).items() if isinstance(n, Neuron)}
    if base is None and _others_use_dt(graph):
        base = resolve_discretization(graph, None)

    def all_found(dt: float | None) -> dict[Path, Recognition]:
        tried = {path: recognised(node, shapes[path], dt) for path, node in neurons.items()}
        return {path: found for path, found in tried.items() if found is not None}

    found = all_found(None if base is None else base.dt)
    if base is None and len({own.rule.dt for own in found.values()}) > 1:
        found = all_found(1.0)
    new, found = _without_lost_returns(graph, found)
    if not found:
        return new, ()
    if base is None:
        rule = gather_rules({path: own.rule for path, own in found.items()})
        assert rule is not None
    else:
        rule = _with_overrides(base, found)
    changes = tuple(Change(format_path(path), own.text) for path, own in found.items())
    return with_discretization(new, rule), changes


def _leaves(graph: nir.NIRGraph) -> dict[Path, Any]:
    found = {
        (*path, name): node
        for path, below, _ in walk_graphs(graph)
        for name, node in below.nodes.items()
        if not isinstance(node, nir.NIRGraph)
    }
    return dict(sorted(found.items()))


def _others_use_dt(graph: nir.NIRGraph) -> bool:
    entries = (find_type(type(node)) for node in _leaves(graph).values())
    return any(e is not None and e.dynamics is not None and e.dynamics.uses_dt for e in entries)


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


def _with_overrides(base: Discretization, found: Mapping[Path, Recognition]) -> Discretization:
    """The discretization with what the recognised nodes need."""
    overrides = {path: dict(own) for path, own in base.overrides.items()}
    for path, own in found.items():
        around = base.at(path)
        differ = {
            name: getattr(own.rule, name)
            for name in _that_matter(own)
            if getattr(own.rule, name) != getattr(around, name)
        }
        if differ:
            key = format_path(path)
            overrides[key] = {**overrides.get(key, {}), **differ}
    return replace(base, overrides=overrides)


def _that_matter(own: Recognition) -> tuple[str, ...]:
    """Names of the choices that change what a node does."""
    node = own.node
    if isinstance(node, nir.Scale):
        return ()
    if isinstance(node, nir.Threshold):
        return ("threshold",)
    names = ("output",)
    if hasattr(node, "v_threshold"):
        names += SPIKING + RESET
    elif own.rule.output == "old":
        names += RESET  # a late output is legal only with some of them
    if hasattr(node, "v_leak"):
        names += LEAKY
    return names + (SYNAPSE if hasattr(node, "w_in") else ())
