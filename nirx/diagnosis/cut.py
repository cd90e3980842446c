"""A group as a schedule of its own: what is known flows in through ports."""

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
"""First name of the paths of ports: no node of a graph has a path that begins so."""


@dataclass(frozen=True, eq=False)
class Cut:
    """The nodes of a group in one variant.

    Arguments:
        variant: whose edges and feedback these are.
        nodes: ports first, then the members in the order of execution.
        segments: the parts that run together.
        feeds: what flows in through each port, [time, *batch, *features].
    """

    variant: Variant
    nodes: tuple[ScheduledNode, ...]
    segments: tuple[Segment, ...]
    feeds: tuple[np.ndarray, ...]

    @property
    def members(self) -> tuple[ScheduledNode, ...]:
        """The nodes without the ports."""
        return self.nodes[len(self.feeds) :]

    @property
    def alone(self) -> bool:
        """Whether it is one node driven through one port, the same in every variant."""
        return [node.sources for node in self.members] == [(Source(0, False),)]

    def schedule(self, dynamics: Callable[[ScheduledNode], Dynamics]) -> Schedule:
        """A schedule in which the members have other dynamics."""
        ports, members = self.nodes[: len(self.feeds)], self.members
        changed = [replace(node, dynamics=dynamics(node)) for node in members]
        return Schedule(
            (*ports, *changed),
            self.segments,
            tuple((_name(i), i) for i in range(len(ports))),
            (),
            self.variant.discretization,
        )


def cut_group(variant: Variant, group: Group, known: Known, ops: NumpyOps) -> Cut:
    """A group with its ports; one port with the sum where only the target itself is unknown."""
    schedule = variant.schedule
    if len(group.members) == 1:
        node = schedule.nodes[schedule.positions[group.target]]
        if all(schedule.nodes[s.position].path in known for s in node.sources):
            port = _port(0, node.input_shape)
            alone = replace(node, sources=(Source(0, False),), deferred=False)
            segments = (Segment(0, 1, False), Segment(1, 2, False))
            return Cut(variant, (port, alone), segments, (fan_in(variant, node, known, ops),))
    inside = [n for n in schedule.nodes if n.path in group.members]
    ports: dict[tuple[Path, Path, bool], ScheduledNode] = {}
    feeds = []
    for node in inside:
        for source in node.sources:
            own = schedule.nodes[source.position]
            # A late value may start differently in each node that reads it.
            key = (own.path, node.path if source.late else (), source.late)
            if own.path in known and key not in ports:
                ports[key] = _port(len(ports), own.output_shape)
                feeds.append(carried(variant, node, source, known))
    if not ports:  # nothing known reaches it; a run still has to know time and batch
        ports[(), (), False] = _port(0, ())
        feeds.append(_clock(schedule, known))
    places = {key: i for i, key in enumerate(ports)}
    own_places = {node.path: len(ports) + i for i, node in enumerate(inside)}

    def moved(node: ScheduledNode, source: Source) -> Source:
        path = schedule.nodes[source.position].path
        if path in known:
            return Source(places[path, node.path if source.late else (), source.late], False)
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
    place = schedule.nodes[schedule.inputs[0][1]]
    signal = known[place.path]
    return np.zeros(signal.shape[: signal.ndim - len(place.input_shape)], signal.dtype)


def _port(index: int, shape: tuple[int, ...]) -> ScheduledNode:
    dynamics = Port(Discretization(), shape, shape)
    return ScheduledNode((PORT, _name(index)), "Input", dynamics, False, (), False, shape, shape)


def _name(index: int) -> str:
    return str(index)
