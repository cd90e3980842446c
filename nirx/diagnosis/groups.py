"""What drives a recorded node: other recordings, and what can be computed from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from nirx.basics.paths import Path
from nirx.diagnosis.candidates import dynamics_of, is_searched
from nirx.diagnosis.problem import Problem
from nirx.diagnosis.variants import Variant
from nirx.dynamics.ops import Array
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.runners import NativeRunner
from nirx.graphs.schedule import Schedule, ScheduledNode, Source

__all__ = ["Group", "Known", "carried", "fan_in", "find_groups", "known_values", "upstream"]

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
        members = frozenset([target, *(n.path for n in before if n.path not in known)])
        shared = tuple(
            node.path
            for node in schedule.nodes
            if node.path in members and node.path != target and is_searched(node.dynamics)
        )
        found.append(Group(target, members, shared))
    return found


def known_values(problem: Problem, variant: Variant) -> Known:
    """Inputs, recorded outputs, and what stateless nodes and Delays compute from them."""
    schedule = variant.schedule
    nodes = schedule.nodes
    inputs = {(name,): x for name, x in problem.inputs.items()}
    known: dict[Path, np.ndarray] = {**problem.outputs, **inputs}
    needed = _needed(schedule, known, problem.traces)
    waits = {p: len({s.position for s in nodes[p].sources}) for p in needed}
    readers: dict[int, list[int]] = {}
    for p in needed:
        for s in dict.fromkeys(s.position for s in nodes[p].sources):
            readers.setdefault(s, []).append(p)
    ready = deque(schedule.positions[path] for path in known)
    while ready:
        for p in readers.get(ready.popleft(), ()):
            waits[p] -= 1
            if not waits[p]:
                known[nodes[p].path] = _computed(variant, nodes[p], known, problem.ops)
                ready.append(p)
    return known


def _needed(schedule: Schedule, known: Known, targets: Iterable[Path]) -> list[int]:
    """Positions before the targets that can be computed once their inputs are known."""

    def computable(node: ScheduledNode) -> bool:
        return node.path not in known and not is_searched(node.dynamics)

    before = upstream(schedule, targets, computable)
    return sorted(schedule.positions[node.path] for node in before if computable(node))


def _computed(variant: Variant, node: ScheduledNode, known: Known, ops: NumpyOps) -> np.ndarray:
    x = fan_in(variant, node, known, ops)
    runner = NativeRunner(dynamics_of(node), variant.parameters[node.path])
    batch = x.shape[1 : x.ndim - len(node.input_shape)]
    start = runner.initial_state(ops, batch)
    y, _, _ = runner.chunk(ops, runner.coefficients(ops), x, start, ())
    return np.asarray(y)


def fan_in(variant: Variant, node: ScheduledNode, known: Known, ops: NumpyOps) -> Array:
    """The sum that flows into a node whose sources are all known: [time, *batch, *features]."""
    total = None
    for source in node.sources:
        value = carried(variant, node, source, known)
        total = value if total is None else ops.add(total, value)
    return total


def carried(variant: Variant, node: ScheduledNode, source: Source, known: Known) -> np.ndarray:
    """What an edge carries: the source's output, one step late on a feedback edge."""
    path = variant.schedule.nodes[source.position].path
    value = known[path]
    if not source.late:
        return value
    first = variant.before[node.path, path]
    return np.concatenate([np.broadcast_to(first, value.shape[1:])[None], value[:-1]])
