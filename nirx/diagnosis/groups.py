"""What a node was driven by: recorded values, and what follows from them without memory of v."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nirx.basics.paths import Path
from nirx.diagnosis.candidates import is_searched
from nirx.diagnosis.variants import Variant
from nirx.dynamics.ops import Array
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.runners import NativeRunner
from nirx.graphs.schedule import Schedule, ScheduledNode, Source

__all__ = ["Group", "Known", "find_groups", "known_values"]

Known = Mapping[Path, np.ndarray]
"""Outputs of nodes that need no search, [time, *batch, *features]."""


@dataclass(frozen=True)
class Group:
    """A recorded node, and what lies between it and what drives it.

    Arguments:
        target: the node whose recording is to be explained.
        members: it and all nodes of unknown output before it, in any order of execution.
        shared: the unrecorded neurons and Thresholds among them: they take the same choices.
    """

    target: Path
    members: frozenset[Path]
    shared: tuple[Path, ...]


def find_groups(schedule: Schedule, known: frozenset[Path], targets: list[Path]) -> list[Group]:
    """One group per target, in the order of the schedule."""
    found = []
    for target in targets:
        members = {target}
        work = [target]
        while work:
            for source in schedule.nodes[schedule.positions[work.pop()]].sources:
                path = schedule.nodes[source.position].path
                if path not in known and path not in members:
                    members.add(path)
                    work.append(path)
        shared = tuple(
            n.path
            for n in schedule.nodes
            if n.path in members and n.path != target and is_searched(n.dynamics)
        )
        found.append(Group(target, frozenset(members), shared))
    return found


def known_values(
    variant: Variant,
    inputs: Mapping[Path, np.ndarray],
    outputs: Mapping[Path, np.ndarray],
    targets: list[Path],
    ops: NumpyOps,
) -> Known:
    """What is recorded, and what stateless nodes and Delays make of it on the way to a target.

    Arguments:
        inputs: what flows in, by Input.
        outputs: what was recorded.
    """
    schedule = variant.schedule
    nodes = schedule.nodes
    known: dict[Path, np.ndarray] = {**outputs, **inputs}
    needed = _needed(schedule, known, targets)
    waits = {p: len({s.position for s in nodes[p].sources}) for p in sorted(needed)}
    readers: dict[int, list[int]] = {}
    for p in sorted(needed):
        for s in dict.fromkeys(s.position for s in nodes[p].sources):
            readers.setdefault(s, []).append(p)
    ready = deque(schedule.positions[path] for path in known)
    while ready:
        for p in readers.get(ready.popleft(), ()):
            waits[p] -= 1
            if not waits[p]:
                known[nodes[p].path] = _computed(variant, nodes[p], known, ops)
                ready.append(p)
    return known


def _needed(schedule: Schedule, known: Known, targets: list[Path]) -> set[int]:
    """Positions before a target whose outputs nirx can compute if their inputs are known."""
    seen: set[int] = set()
    work = [schedule.positions[path] for path in targets]
    while work:
        for source in schedule.nodes[work.pop()].sources:
            p = source.position
            node = schedule.nodes[p]
            if p in seen or node.path in known or is_searched(node.dynamics):
                continue
            seen.add(p)
            work.append(p)
    return seen


def _computed(variant: Variant, node: ScheduledNode, known: Known, ops: NumpyOps) -> np.ndarray:
    assert node.dynamics is not None, "make_variants refuses other nodes"
    x = fan_in(variant, node, known, ops)
    runner = NativeRunner(node.dynamics, variant.parameters[node.path])
    batch = x.shape[1 : x.ndim - len(node.input_shape)]
    start = runner.initial_state(ops, batch)
    y, _, _ = runner.chunk(ops, runner.coefficients(ops), x, start, ())
    return np.asarray(y)


def fan_in(variant: Variant, node: ScheduledNode, known: Known, ops: NumpyOps) -> Array:
    """What flows into a node whose sources are all known: [time, *batch, *features]."""
    total = None
    for source in node.sources:
        value = carried(variant, node, source, known)
        total = value if total is None else ops.add(total, value)
    return total


def carried(variant: Variant, node: ScheduledNode, source: Source, known: Known) -> np.ndarray:
    """What an edge carries: the source's output, of the step before on a feedback edge."""
    path = variant.schedule.nodes[source.position].path
    value = known[path]
    if not source.late:
        return value
    first = variant.before[node.path, path]
    return np.concatenate([np.broadcast_to(first, value.shape[1:])[None], value[:-1]])
