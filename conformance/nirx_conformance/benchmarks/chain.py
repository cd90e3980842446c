"""A graph as a chain of layers, which is how users of other libraries write a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import nir

from nirx.dynamics.discretization import Discretization
from nirx.execution.assemble import load
from nirx.graphs.metadata import resolve_discretization
from nirx.graphs.schedule import Schedule, build_schedule
from nirx_conformance.benchmarks.subject import CannotRunError

__all__ = ["Chain", "Layer", "chain_of"]


@dataclass(frozen=True)
class Layer:
    """Weights (and pools), then neurons.

    Arguments:
        name: of the neuron, or of the last node where none follows.
        weights: nodes without state, in order.
        neuron: None after the last neuron of the chain.
        rule: the neuron's discretization.
        feedback: leads from the neuron's output back to its input.
        shape: of the neuron's output, without batch.
    """

    name: str
    weights: tuple[Any, ...]
    neuron: Any
    rule: Discretization
    feedback: Any
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Chain:
    """The layers of a network, from its only Input to its only Output."""

    layers: tuple[Layer, ...]
    input_shape: tuple[int, ...]
    spiking: int
    """Number of layers of neurons."""


def chain_of(graph_or_path: Any, discretization: Discretization | None) -> Chain:
    """The chain that a graph is.

    **Raises**: `CannotRunError` where it is none.
    """
    graph = load(graph_or_path)
    schedule, nodes = build_schedule(graph, resolve_discretization(graph, discretization))
    if len(schedule.inputs) != 1 or len(schedule.outputs) != 1:
        raise CannotRunError("the graph has several Inputs or Outputs; peers take a chain")
    sources = _without_ports(schedule)
    backs = _feedbacks(schedule, sources)
    layers: list[Layer] = []
    weights: list[Any] = []
    before = OUTSIDE
    for position, place in enumerate(schedule.nodes):
        if position not in sources or position in backs.values():
            continue
        back = backs.get(position)
        if [s for s in sources[position] if s != back] != [before]:
            raise CannotRunError(f"{place.name!r} is not the next in a chain; peers take a chain")
        node, rule = nodes[position], schedule.discretization.at(place.path)
        if place.neuron:
            feedback = None if back is None else nodes[back]
            own = tuple(weights), node, rule, feedback, tuple(place.output_shape)
            layers.append(Layer(place.name, *own))
            weights = []
        else:
            weights.append(node)
        before = position
    if _resolved(schedule, schedule.outputs[0][1]) != [before]:
        raise CannotRunError("the Output is not the end of the chain; peers take a chain")
    if weights:
        last = schedule.nodes[before]
        rule, shape = schedule.discretization, tuple(last.output_shape)
        layers.append(Layer(last.name, tuple(weights), None, rule, None, shape))
    shape = schedule.nodes[schedule.inputs[0][1]].output_shape
    count = sum(layer.neuron is not None for layer in layers)
    return Chain(tuple(layers), tuple(shape), count)


OUTSIDE = -1
"""The position of what comes from outside."""


def _without_ports(schedule: Schedule) -> dict[int, list[int]]:
    """The sources of every node that is no port, seen through the ports of subgraphs."""
    own = range(len(schedule.nodes))
    return {p: _resolved(schedule, p) for p in own if not _is_port(schedule, p)}


def _resolved(schedule: Schedule, position: int) -> list[int]:
    found: list[int] = []
    for source in schedule.nodes[position].sources:
        if not _is_port(schedule, source.position):
            found.append(source.position)
        elif schedule.nodes[source.position].sources:
            found += _resolved(schedule, source.position)
        else:
            found.append(OUTSIDE)
    return found


def _is_port(schedule: Schedule, position: int) -> bool:
    return schedule.nodes[position].type_name in (nir.Input.__name__, nir.Output.__name__)


def _feedbacks(schedule: Schedule, sources: dict[int, list[int]]) -> dict[int, int]:
    """Neuron -> the node that leads from its output back to its input."""
    found: dict[int, int] = {}
    for position, own in sources.items():
        place = schedule.nodes[position]
        if place.neuron or len(own) != 1 or own[0] not in sources:
            continue
        if position in sources[own[0]] and schedule.nodes[own[0]].neuron:
            if own[0] in found:
                raise CannotRunError(f"{schedule.nodes[own[0]].name!r} has several loops")
            found[own[0]] = position
    return found
