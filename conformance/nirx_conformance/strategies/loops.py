"""Loops: edges that close cycles, Delays in them, and cycles that no Input reaches."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx_conformance.oracle.inlining import inline
from nirx_conformance.oracle.late_edges import edges_on_cycles
from nirx_conformance.strategies.arrays import Shape
from nirx_conformance.strategies.draw import Draw
from nirx_conformance.strategies.graph_builder import Level
from nirx_conformance.strategies.neurons import NEURONS, SPIKING, delay_node, neuron
from nirx_conformance.strategies.nodes import linear

NEURON_TYPES = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF)


def add_loops(draw: Draw, graph: nir.NIRGraph, levels: list[Level], dt: float) -> None:
    """Extra edges at every level, forward and backward; illegal ones are left out.

    Arguments:
        graph: the outermost graph.
        levels: the finished levels, the outermost included.
    """
    for level in levels:
        _add_self_loops(draw, level)
        if draw.chance(0.25):
            _add_delayed_loop(draw, graph, level, dt)
        if draw.chance(0.15):
            _add_two_entries(draw, graph, level, dt)
        for _ in range(draw.choice([0, 0, 1, 2, 3])):
            _add_edge(draw, graph, level, dt)


def is_legal(graph: nir.NIRGraph, dt: float) -> bool:
    """Whether every cycle has a neuron or a Delay of a step or more in every element."""
    nodes, edges = inline(graph)
    instant = {
        (a, b)
        for a, b in edges
        if not isinstance(nodes[a], NEURON_TYPES) and not is_whole_step(nodes[b], dt)
    }
    return not edges_on_cycles(nodes, instant)


def is_whole_step(node: Any, dt: float) -> bool:
    """Whether a node is a Delay of at least one step in every element."""
    return isinstance(node, nir.Delay) and bool((np.rint(node.delay / dt) >= 1).all())


def _add_self_loops(draw: Draw, level: Level) -> None:
    for name, node in level.nodes.items():
        if isinstance(node, NEURON_TYPES) and draw.chance(0.1):
            level.edges.append((name, name))


def _add_edge(draw: Draw, graph: nir.NIRGraph, level: Level, dt: float) -> None:
    """An edge between any two ends of one shape, if every cycle stays legal."""
    pairs = [(s, t) for s in level.sources for t in level.targets if s.shape == t.shape]
    if not pairs:
        return
    at_subgraphs = [(s, t) for s, t in pairs if level.is_port(s) or level.is_port(t)]
    if at_subgraphs and draw.chance(0.5):
        pairs = at_subgraphs
    source, target = draw.choice(pairs)
    edge = (source.text, target.text)
    if _add_if_legal(graph, level, edge, dt) and draw.chance(0.1):
        level.edges.append(edge)


def _add_if_legal(graph: nir.NIRGraph, level: Level, edge: tuple[str, str], dt: float) -> bool:
    level.edges.append(edge)
    if not is_legal(graph, dt):
        level.edges.pop()
        return False
    return True


def _add_two_entries(draw: Draw, graph: nir.NIRGraph, level: Level, dt: float) -> None:
    """Two nodes in a loop, both fed from one source: neither dominates the other."""
    plain = level.plain_names()
    keeping = [t for t in level.targets if t.text in plain and t in level.sources]
    pairs = [
        (a, b)
        for a in keeping
        for b in keeping
        if a != b and a.shape == b.shape and isinstance(level.nodes[a.text], NEURON_TYPES)
    ]
    if not pairs:
        return
    a, b = draw.choice(pairs)
    entries = [s for s in level.sources if s.shape == a.shape and s.text in level.inputs]
    edges = [(a.text, b.text), (b.text, a.text)]
    edges += [(s.text, t.text) for s in entries[:1] for t in (a, b)]
    for edge in edges:
        if edge not in level.edges:
            _add_if_legal(graph, level, edge, dt)


def _add_delayed_loop(draw: Draw, graph: nir.NIRGraph, level: Level, dt: float) -> None:
    """source -> Delay -> target, the target mostly upstream; always legal."""
    pairs = [
        (s, t)
        for t in level.targets[:3]
        for s in level.sources[-4:]
        if s.shape == t.shape and s.text not in level.inputs
    ]
    if not pairs:
        return
    source, target = draw.choice(pairs)
    delay = level.add(delay_node(draw, source.shape, dt, least=1), source.shape, source.shape)
    level.edges += [(source.text, delay.text), (delay.text, target.text)]
    if not is_legal(graph, dt):  # a delay off the time grid may round to 0 steps
        level.nodes[delay.text] = nir.Delay(np.full(source.shape, dt))


def add_island(draw: Draw, level: Level, shape: Shape, dt: float) -> None:
    """A cycle that no Input reaches; it lives on a bias or on a v_leak above the threshold.

    Its parameters have the full shape: there is nothing else to tell it.
    """
    if draw.chance(0.5):
        made, gives = linear(draw, "Affine", shape, out=shape[-1])
        made.bias = np.abs(made.bias) + 0.5
        affine = level.add(made, shape, gives, alone=True)
        cell = level.add(neuron(draw, draw.choice(NEURONS), shape, dt), shape, shape, alone=True)
        level.edges += [(affine.text, cell.text), (cell.text, affine.text)]
    else:
        kind = draw.choice([k for k in SPIKING if k != "IF"])
        driven = neuron(draw, kind, shape, dt, self_driven=True)
        cell = level.add(driven, shape, shape, alone=True)
        level.edges.append((cell.text, cell.text))
        if draw.chance(0.5):
            other = level.add(neuron(draw, kind, shape, dt), shape, shape, alone=True)
            level.edges += [(cell.text, other.text), (other.text, cell.text)]
