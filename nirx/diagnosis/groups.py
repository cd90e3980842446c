"""What drives a recorded node, and the node with its drivers as a schedule of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from nirx.basics.paths import Path
from nirx.diagnosis.candidates import dynamics_of, is_searched
from nirx.diagnosis.problem import Problem, Variant
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Array
from nirx.dynamics.reshape import Port
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.runners import NativeRunner
from nirx.graphs.schedule import Schedule, ScheduledNode, Segment, Source

__all__ = ["Cut", "Group", "Known", "cut_group", "find_groups", "known_values", "upstream"]

PORT = "\0"
"""First name in the path of every port; no node of a graph has it."""
Known = Mapping[Path, np.ndarray]
"""Outputs of nodes that need no search, [time, *batch, *features]."""


@dataclass(frozen=True)
class Group:
    """A recorded node with everything between it and what drives it.

    Arguments:
        target: the node whose recording is to be explained.
        members: the target and all nodes of unknown output before it.
        shared: the unrecorded neurons and Thresholds among them, which take the same choices.
    """

    target: Path
    members: frozenset[Path]
    shared: tuple[Path, ...]


def upstream(
    schedule: Schedule, targets: Iterable[Path], passes: Callable[[ScheduledNode], bool]
) -> list[ScheduledNode]:
    """The nodes upstream of some targets, each once; the targets themselves only if in a loop.

    Arguments:
        passes: whether the walk continues past a node.
    """
    seen: dict[int, None] = {}
    work = [schedule.positions[path] for path in targets]
    while work:
        for source in schedule.nodes[work.pop()].sources:
            if source.position not in seen:
                seen[source.position] = None
                if passes(schedule.nodes[source.position]):
                    work.append(source.position)
    return [schedule.nodes[position] for position in seen]


def find_groups(schedule: Schedule, known: Known, targets: Iterable[Path]) -> list[Group]:
    """One group per target, in the order of the schedule."""
    found = []
    for target in targets:
        before = upstream(schedule, [target], lambda node: node.path not in known)
        inner = frozenset(n.path for n in before if n.path not in known) - {target}
        shared = (n.path for n in schedule.nodes if n.path in inner and is_searched(n.dynamics))
        found.append(Group(target, inner | {target}, tuple(shared)))
    return found


def known_values(problem: Problem, variant: Variant) -> Known:
    """Inputs, recorded outputs, and what stateless nodes and Delays compute from them."""
    schedule, arithmetic = variant.schedule, variant.discretization.arithmetic
    factor = 1.0 if arithmetic is None else 2.0**arithmetic.input_shift
    inputs = {(name,): factor * x for name, x in problem.inputs.items()}
    known: dict[Path, np.ndarray] = {**problem.outputs, **inputs}

    def unknown(node: ScheduledNode) -> bool:
        return node.path not in known and not is_searched(node.dynamics)

    def ready(node: ScheduledNode) -> bool:
        sources = (schedule.nodes[source.position] for source in node.sources)
        return unknown(node) and all(source.path in known for source in sources)

    before = upstream(schedule, problem.traces, unknown)
    ordered = sorted(before, key=lambda node: schedule.positions[node.path])
    while any(map(ready, ordered)):  # again for feedback edges, which lead against the order
        for node in filter(ready, ordered):
            known[node.path] = _computed(variant, node, known, problem.ops)
    return known


def _computed(variant: Variant, node: ScheduledNode, known: Known, ops: NumpyOps) -> np.ndarray:
    x = _fan_in(variant, node, known, ops)
    runner = NativeRunner(dynamics_of(node), variant.parameters[node.path])
    start = runner.initial_state(ops, x.shape[1 : x.ndim - len(node.input_shape)])
    y, _, _ = runner.chunk(ops, runner.coefficients(ops), x, start, ())
    return np.asarray(y)


def _fan_in(variant: Variant, node: ScheduledNode, known: Known, ops: NumpyOps) -> Array:
    """The sum that flows into a node whose sources are all known: [time, *batch, *features]."""
    return reduce(ops.add, (_carried(variant, node, source, known) for source in node.sources))


def _carried(variant: Variant, node: ScheduledNode, source: Source, known: Known) -> np.ndarray:
    """What an edge carries: the source's output, one step late on a feedback edge."""
    path = variant.schedule.nodes[source.position].path
    value = known[path]
    if not source.late:
        return value
    first = variant.before[node.path, path]
    return np.concatenate([np.broadcast_to(first, value.shape[1:])[None], value[:-1]])


@dataclass(frozen=True, eq=False)
class Cut:
    """The nodes of a group in one variant.

    Arguments:
        variant: where the edges and feedback come from.
        ports: the nodes that feed the members; they run first.
        members: the nodes of the group in the order of execution.
        segments: the parts that run together.
        feeds: the signal of each port, [time, *batch, *features].
    """

    variant: Variant
    ports: tuple[ScheduledNode, ...]
    members: tuple[ScheduledNode, ...]
    segments: tuple[Segment, ...]
    feeds: tuple[np.ndarray, ...]

    @property
    def alone(self) -> bool:
        """Whether it is a single node driven by a single port, as in every variant."""
        return [node.sources for node in self.members] == [(Source(0, False),)]

    def schedule(self, members: Sequence[ScheduledNode]) -> Schedule:
        """A schedule of the ports and of the members with other dynamics."""
        inputs = tuple((str(i), i) for i in range(len(self.feeds)))
        nodes = (*self.ports, *members)
        # The feeds have been shifted and checked: the executor only runs the nodes.
        rule = replace(self.variant.discretization, arithmetic=None, overrides={})
        return Schedule(nodes, self.segments, inputs, (), rule)


def cut_group(variant: Variant, group: Group, known: Known, ops: NumpyOps) -> Cut:
    """A group with its ports; a single one, for the sum, if only the target itself is unknown."""
    schedule = variant.schedule
    if len(group.members) == 1:
        node = schedule.nodes[schedule.positions[group.target]]
        if all(schedule.nodes[s.position].path in known for s in node.sources):
            port = _port(0, node.input_shape)
            alone = replace(node, sources=(Source(0, False),), deferred=False)
            segments = (Segment(0, 1, False), Segment(1, 2, False))
            feed = _fan_in(variant, node, known, ops)
            return Cut(variant, (port,), (alone,), segments, (feed,))
    inside = [n for n in schedule.nodes if n.path in group.members]

    def origin(node: ScheduledNode, source: Source) -> tuple[Path, Path]:
        # A late value may start differently in each node that reads it.
        path = schedule.nodes[source.position].path
        return path, node.path if source.late and path in known else ()

    ports: dict[tuple[Path, Path], ScheduledNode] = {}
    feeds = []
    for node in inside:
        for source in node.sources:
            key = origin(node, source)
            if key[0] in known and key not in ports:
                ports[key] = _port(len(ports), schedule.nodes[source.position].output_shape)
                feeds.append(_carried(variant, node, source, known))
    if not ports:  # nothing known reaches the group, but a run needs the axes of time and batch
        first = schedule.nodes[schedule.inputs[0][1]]
        signal = known[first.path]
        lead = signal.shape[: signal.ndim - len(first.input_shape)]
        ports[(), ()], feeds = _port(0, ()), [np.zeros(lead, signal.dtype)]
    # A port replaces the target where its recorded output is read.
    place: dict[tuple[Path, Path], int] = {
        **{(node.path, ()): i for i, node in enumerate(inside, start=len(ports))},
        **{key: i for i, key in enumerate(ports)},
    }

    def moved(node: ScheduledNode, source: Source) -> Source:
        key = origin(node, source)
        return Source(place[key], source.late and key not in ports)

    members = tuple(replace(n, sources=tuple(moved(n, s) for s in n.sources)) for n in inside)
    segments = tuple(_segments(schedule, len(ports), members))
    return Cut(variant, tuple(ports.values()), members, segments, tuple(feeds))


def _segments(schedule: Schedule, ports: int, members: Sequence[ScheduledNode]) -> list[Segment]:
    owner = {p: i for i, s in enumerate(schedule.segments) for p in range(s.start, s.stop)}
    segments = [Segment(i, i + 1, False) for i in range(ports)]
    for _, part in itertools.groupby(members, lambda n: owner[schedule.positions[n.path]]):
        own = list(part)
        start = segments[-1].stop
        stop = start + len(own)
        if any(n.deferred or any(s.late for s in n.sources) for n in own):
            segments.append(Segment(start, stop, True))
        else:
            segments += [Segment(i, i + 1, False) for i in range(start, stop)]
    return segments


def _port(index: int, shape: tuple[int, ...]) -> ScheduledNode:
    dynamics = Port(Discretization(), shape, shape)
    return ScheduledNode((PORT, str(index)), "Input", dynamics, False, (), False, shape, shape)
