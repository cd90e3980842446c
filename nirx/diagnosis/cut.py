"""A group cut out of the graph: a schedule that known values enter through ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nirx.basics.paths import Path
from nirx.diagnosis.groups import Group, Known, carried, fan_in
from nirx.diagnosis.variants import Variant
from nirx.dynamics.base import Dynamics
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.reshape import Port
from nirx.execution.numpy_ops import NumpyOps
from nirx.graphs.schedule import Schedule, ScheduledNode, Segment, Source

__all__ = ["Cut", "cut_group"]

PORT = "\0"
"""First name in the path of every port; no node of a graph has it."""


@dataclass(frozen=True, eq=False)
class Cut:
    """The nodes of a group in one variant.

    Arguments:
        variant: where the edges and feedback come from.
        nodes: the ports, then the members in the order of execution.
        segments: the parts that run together.
        feeds: the signal of each port, [time, *batch, *features].
    """

    variant: Variant
    nodes: tuple[ScheduledNode, ...]
    segments: tuple[Segment, ...]
    feeds: tuple[np.ndarray, ...]

    @property
    def ports(self) -> tuple[ScheduledNode, ...]:
        """The nodes that feed the members."""
        return self.nodes[: len(self.feeds)]

    @property
    def members(self) -> tuple[ScheduledNode, ...]:
        """The nodes without the ports."""
        return self.nodes[len(self.feeds) :]

    @property
    def alone(self) -> bool:
        """Whether it is a single node driven by a single port, as in every variant."""
        return [node.sources for node in self.members] == [(Source(0, False),)]

    def schedule(self, dynamics: Callable[[ScheduledNode], Dynamics]) -> Schedule:
        """A schedule in which the members have other dynamics."""
        changed = [replace(node, dynamics=dynamics(node)) for node in self.members]
        return Schedule(
            (*self.ports, *changed),
            self.segments,
            tuple((str(i), i) for i in range(len(self.feeds))),
            (),
            self.variant.discretization,
        )


def cut_group(variant: Variant, group: Group, known: Known, ops: NumpyOps) -> Cut:
    """A group with its ports; a single one, for the sum, if only the target itself is unknown."""
    schedule = variant.schedule
    if len(group.members) == 1:
        node = schedule.nodes[schedule.positions[group.target]]
        if all(schedule.nodes[s.position].path in known for s in node.sources):
            port = _port(0, node.input_shape)
            alone = replace(node, sources=(Source(0, False),), deferred=False)
            segments = (Segment(0, 1, False), Segment(1, 2, False))
            return Cut(variant, (port, alone), segments, (fan_in(variant, node, known, ops),))
    inside = [n for n in schedule.nodes if n.path in group.members]

    def port_key(node: ScheduledNode, source: Source) -> tuple[Path, Path]:
        # A late value may start differently in each node that reads it.
        return schedule.nodes[source.position].path, node.path if source.late else ()

    ports: dict[tuple[Path, Path], ScheduledNode] = {}
    feeds = []
    for node in inside:
        for source in node.sources:
            key = port_key(node, source)
            if key[0] in known and key not in ports:
                ports[key] = _port(len(ports), schedule.nodes[source.position].output_shape)
                feeds.append(carried(variant, node, source, known))
    if not ports:  # nothing known reaches the group, but a run needs the axes of time and batch
        ports[(), ()] = _port(0, ())
        feeds.append(_clock(schedule, known))
    places = {key: i for i, key in enumerate(ports)}
    own_places = {node.path: len(ports) + i for i, node in enumerate(inside)}

    def moved(node: ScheduledNode, source: Source) -> Source:
        path, reader = port_key(node, source)
        if path in known:
            return Source(places[path, reader], False)
        return Source(own_places[path], source.late)

    members = [replace(n, sources=tuple(moved(n, s) for s in n.sources)) for n in inside]
    nodes = (*ports.values(), *members)
    return Cut(variant, nodes, _segments(schedule, len(ports), members), tuple(feeds))


def _segments(schedule: Schedule, ports: int, members: list[ScheduledNode]) -> tuple[Segment, ...]:
    owner = {p: i for i, s in enumerate(schedule.segments) for p in range(s.start, s.stop)}
    parts: dict[int, list[int]] = {}
    for place, node in enumerate(members, start=ports):
        parts.setdefault(owner[schedule.positions[node.path]], []).append(place)
    segments = [Segment(i, i + 1, False) for i in range(ports)]
    for places in parts.values():
        own = [members[place - ports] for place in places]
        if any(n.deferred or any(True for _ in n.late_sources) for n in own):
            segments.append(Segment(places[0], places[-1] + 1, True))
        else:
            segments += [Segment(place, place + 1, False) for place in places]
    return tuple(segments)


def _clock(schedule: Schedule, known: Known) -> np.ndarray:
    """Zeros [time, *batch]."""
    place = schedule.nodes[schedule.inputs[0][1]]
    signal = known[place.path]
    return np.zeros(signal.shape[: signal.ndim - len(place.input_shape)], signal.dtype)


def _port(index: int, shape: tuple[int, ...]) -> ScheduledNode:
    dynamics = Port(Discretization(), shape, shape)
    return ScheduledNode((PORT, str(index)), "Input", dynamics, False, (), False, shape, shape)
