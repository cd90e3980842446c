"""`Schedule`: a checked, flattened and ordered graph, ready to run on any backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import nir

from nirx.basics.paths import Path, format_path
from nirx.basics.shown import Shown
from nirx.dynamics.base import Dynamics
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Shape
from nirx.errors import GraphError
from nirx.graphs.binary import mark_binary
from nirx.graphs.check import Examination, examine, warn_of
from nirx.graphs.content import content_digest
from nirx.graphs.feedback import late_edges
from nirx.graphs.flatten import Claim, nothing_custom
from nirx.graphs.metadata import resolve_discretization
from nirx.graphs.ordering import ordered_components
from nirx.graphs.state import FEEDBACK, nest
from nirx.graphs.wrapping import wrapped

__all__ = ["Schedule", "ScheduledNode", "Segment", "Source", "build_schedule", "schedule"]


@dataclass(frozen=True)
class Source:
    """A source of a node: its position in `Schedule.nodes`, and whether the edge is late."""

    position: int
    late: bool


@dataclass(frozen=True)
class ScheduledNode:
    """One node in the order of execution.

    Arguments:
        path: names, starting at the outermost graph.
        type_name: name of the NIR type.
        dynamics: its equations; None if a `node_map` runs it.
        neuron: whether the feedback rule counts it as a neuron.
        sources: its inputs, in the order of summation (by source path).
        deferred: whether it is a whole-step Delay inside a cycle, which emits before it takes
            its input.
        input_shape, output_shape: features, without batch and time.
    """

    path: Path
    type_name: str
    dynamics: Dynamics | None
    neuron: bool
    sources: tuple[Source, ...]
    deferred: bool
    input_shape: Shape
    output_shape: Shape
    name: str = field(init=False, repr=False)
    """The path as text."""

    def __post_init__(self):
        object.__setattr__(self, "name", format_path(self.path))

    @property
    def spiking(self) -> bool:
        """Whether the output is known to be spikes and not values."""
        return self.dynamics is not None and self.dynamics.spiking

    @property
    def late_sources(self) -> Iterator[int]:
        """Positions of the sources of late edges, each once."""
        return iter(dict.fromkeys(s.position for s in self.sources if s.late))


@dataclass(frozen=True)
class Segment:
    """Positions start..stop-1: a cyclic component (stepwise) or one node that runs by chunks."""

    start: int
    stop: int
    stepwise: bool


@dataclass(frozen=True, eq=False)
class Schedule(Shown):
    """The order of execution of a graph, independent of backend and of parameter values.

    Two schedules are equal if they have the same content (`digest`). `print` shows a table.

    Arguments:
        nodes: in the order of execution.
        segments: the nodes that run together.
        inputs, outputs: names and positions of the outermost ports, sorted by name.
        discretization: the one that the dynamics were built with.
        largest_input: in integers, the largest number that may enter, so that every sum is exact.
            It follows from the parameters, and is no part of the content.
    """

    nodes: tuple[ScheduledNode, ...]
    segments: tuple[Segment, ...]
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]
    discretization: Discretization
    largest_input: int | None = None
    positions: dict[Path, int] = field(init=False, repr=False)
    """Position of each path."""
    borders: dict[int, tuple[list[int], frozenset[int]]] = field(init=False, repr=False)
    """Per cyclic component (by its start): the positions that it reads from outside, and its own
    positions that are read outside."""
    last_uses: list[list[int]] = field(init=False, repr=False)
    """Per segment: the positions whose values no later segment reads."""

    def __post_init__(self):
        # Not cached properties: compilers that trace Python cannot enter those.
        places = {node.path: i for i, node in enumerate(self.nodes)}
        object.__setattr__(self, "positions", places)
        object.__setattr__(self, "borders", _borders(self.nodes, self.segments))
        object.__setattr__(self, "last_uses", _last_uses(self.nodes, self.segments))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything static."""
        return content_digest(
            (self.nodes, self.segments, self.inputs, self.outputs, self.discretization)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def order(self) -> tuple[str, ...]:
        """Paths in the order of execution."""
        return tuple(node.name for node in self.nodes)

    @property
    def feedback_edges(self) -> tuple[tuple[str, str], ...]:
        """(source, target) of every feedback edge, sorted."""
        edges = [(self.nodes[s].path, n.path) for n in self.nodes for s in n.late_sources]
        return tuple((format_path(a), format_path(b)) for a, b in sorted(edges))

    @property
    def components(self) -> tuple[tuple[str, ...], ...]:
        """The cyclic components, which run step by step."""
        parts = [s for s in self.segments if s.stepwise]
        return tuple(tuple(n.name for n in self.nodes[s.start : s.stop]) for s in parts)

    @property
    def shapes(self) -> dict[str, tuple[Shape, Shape]]:
        """Input and output features of every node."""
        return {n.name: (n.input_shape, n.output_shape) for n in self.nodes}

    @property
    def state_spec(self) -> dict[str, Any]:
        """The state tree with shapes (without batch axes) instead of arrays."""
        return nest(self.nodes, [(self.node_state_shapes(n), {}) for n in self.nodes], frozenset())

    def node_state_shapes(self, node: ScheduledNode) -> dict[str, Any]:
        """Shapes of a node's state variables and feedback values."""
        shapes: dict[str, Any] = dict(node.dynamics.state_shapes()) if node.dynamics else {}
        feedback = {self.nodes[s].name: self.nodes[s].output_shape for s in node.late_sources}
        return {**shapes, FEEDBACK: feedback} if feedback else shapes

    def __repr__(self) -> str:
        late = len(self.feedback_edges)
        edges = f"{late} feedback edge{'s' * (late != 1)}"
        return f"Schedule({len(self.nodes)} nodes, {edges}, dt={self.discretization.dt:g})"

    def _parts(self) -> list[Any]:
        from nirx.graphs.schedule_table import schedule_table

        return schedule_table(self)


def _borders(
    nodes: Sequence[ScheduledNode], segments: Sequence[Segment]
) -> dict[int, tuple[list[int], frozenset[int]]]:
    owner = {p: s.start for s in segments for p in range(s.start, s.stop)}
    reads: dict[int, dict[int, None]] = {s.start: {} for s in segments}
    given: dict[int, set[int]] = {s.start: set() for s in segments}
    for position, node in enumerate(nodes):
        for source in node.sources:
            if owner[source.position] != owner[position]:
                reads[owner[position]][source.position] = None
                given[owner[source.position]].add(source.position)
    cyclic = [s.start for s in segments if s.stepwise]
    return {start: (sorted(reads[start]), frozenset(given[start])) for start in cyclic}


def _last_uses(nodes: Sequence[ScheduledNode], segments: Sequence[Segment]) -> list[list[int]]:
    owner = [i for i, s in enumerate(segments) for _ in range(s.start, s.stop)]
    last: dict[int, int] = {}
    for position, node in enumerate(nodes):
        for source in node.sources:
            last[source.position] = max(last.get(source.position, -1), owner[position])
    ends: list[list[int]] = [[] for _ in segments]
    for position in sorted(last):
        ends[last[position]].append(position)
    return ends


def schedule(graph: nir.NIRGraph, discretization: Discretization | None = None) -> Schedule:
    """Check a graph and order its nodes for execution.

    Arguments:
        graph: a `nir.NIRGraph`, or a lone node; not changed.
        discretization: None takes the one in the graph's metadata, else the default with a
            warning.

    Returns: order, feedback edges, components, shapes and state spec. They depend neither on the
    order of nodes and edges in the graph nor on the hash seed.

    **Raises**: `GraphError` with all faults; `InputError` if `graph` is not a graph.
    """
    graph = wrapped(graph)
    return build_schedule(graph, resolve_discretization(graph, discretization))[0]


def build_schedule(
    graph: nir.NIRGraph,
    discretization: Discretization,
    custom: Callable[[type], Claim | None] = nothing_custom,
) -> tuple[Schedule, list[Any]]:
    """The schedule, and the graph's node at each position.

    Arguments:
        custom: whether a node map, rather than nirx, runs the nodes of a type.
    """
    examination = examine(graph, discretization, custom)
    if examination.faults:
        raise GraphError(examination.faults)
    warn_of(examination)
    return _order(examination, discretization)


def _order(examination: Examination, discretization: Discretization) -> tuple[Schedule, list[Any]]:
    flat, delay = examination.flat, examination.delay
    count = len(flat.nodes)
    neuron = [n.type.neuron for n in flat.nodes]
    late = late_edges(
        count, flat.edges, flat.ports(nir.Input), neuron, delay, discretization.feedback
    )
    waits = [(a, b) for a, b in flat.edges if (a, b) not in late and not delay[b]]
    parts = ordered_components(count, flat.edges, waits)
    order = [index for part, _ in parts for index in part]
    position = {index: place for place, index in enumerate(order)}
    incoming: list[list[int]] = [[] for _ in range(count)]
    for source, target in flat.edges:  # sorted by source path already
        incoming[target].append(source)
    nodes, segments = [], []
    binary: list[bool] = []
    for part, cyclic in parts:
        segments.append(Segment(len(nodes), len(nodes) + len(part), cyclic))
        for index in part:
            own = flat.nodes[index]
            takes, gives = examination.shapes.inputs[index], examination.shapes.outputs[index]
            assert takes is not None, "check accepts no unknown shape"
            assert gives is not None, "check accepts no unknown shape"
            sources = tuple(Source(position[s], (s, index) in late) for s in incoming[index])
            dynamics, spikes = mark_binary(
                examination.dynamics[index],
                [(s.position < len(binary) and binary[s.position], s.late) for s in sources],
            )
            binary.append(spikes)
            nodes.append(
                ScheduledNode(
                    path=own.path,
                    type_name=own.type.name,
                    dynamics=dynamics,
                    neuron=own.type.neuron,
                    sources=sources,
                    deferred=cyclic and delay[index],
                    input_shape=takes,
                    output_shape=gives,
                )
            )
    result = Schedule(
        nodes=tuple(nodes),
        segments=tuple(segments),
        inputs=tuple((flat.nodes[i].path[0], position[i]) for i in flat.ports(nir.Input)),
        outputs=tuple((flat.nodes[i].path[0], position[i]) for i in flat.ports(nir.Output)),
        discretization=discretization,
    )
    return result, [flat.nodes[index].node for index in order]
