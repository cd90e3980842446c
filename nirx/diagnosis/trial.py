"""A trial: candidates that differ in numbers only, simulated in parallel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nirx.basics.paths import Path
from nirx.diagnosis.candidates import (
    Choices,
    dynamics_of,
    is_searched,
    values_of,
    with_choices,
)
from nirx.diagnosis.cut import Cut
from nirx.diagnosis.lanes import LaneRunner
from nirx.diagnosis.tally import Tally
from nirx.dynamics.base import Dynamics
from nirx.dynamics.conv import Convolution
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.linear import Linear
from nirx.dynamics.neuron import Neuron
from nirx.execution.execute import Executor
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.runners import NativeRunner, Runner
from nirx.graphs.schedule import ScheduledNode
from nirx.graphs.state import FEEDBACK

__all__ = ["Bound", "Lane", "Trial"]

Bound = tuple[float, float]
"""Lower bounds of a score: by spikes, and by v and i."""

MOST_BYTES = 2**26
"""Largest output of one stretch; while it runs it needs a few times as much memory."""


@dataclass(frozen=True, eq=False)
class Lane:
    """One candidate in a trial.

    Arguments:
        cut: the group in the candidate's variant; the cuts of a trial differ in feeds and dt only.
        choices: the choices of the searched nodes.
        order: the candidate's place among all.
    """

    cut: Cut
    choices: Choices
    order: int


def _rule(node: ScheduledNode, cut: Cut, choices: Choices) -> Discretization:
    """The rule of one member under a candidate, which changes only what matters for the node."""
    rule = cut.variant.discretization.at(node.path)
    if not is_searched(node.dynamics):
        return rule
    own = values_of(dynamics_of(node), cut.variant.parameters[node.path], rule, 0)
    return with_choices(rule, {name: choices[name] for name in own if name in choices})


class Trial:
    """One simulation of many lanes; `advance` runs it a stretch further.

    Arguments:
        target: the recorded node.
        lanes: candidates with the same operations.
        tallies: one per recording of the target.
        by_spikes: whether v and i are left out of the bounds.
    """

    def __init__(
        self,
        target: Path,
        lanes: Sequence[Lane],
        tallies: Sequence[Tally],
        ops: NumpyOps,
        by_spikes: bool = False,
    ):
        self.lanes, self.tallies = tuple(lanes), tuple(tallies)
        self.ops, self.by_spikes = ops, by_spikes
        self.time = 0
        recorded = tallies[0].trace.values
        self.length = len(recorded)
        cut = self.lanes[0].cut
        features = next(n for n in cut.members if n.path == target).output_shape
        self._batch = recorded.shape[1 : recorded.ndim - len(features)]
        dynamics = {node.path: self._dynamics(node) for node in cut.members}
        runners: list[Runner] = [NativeRunner(dynamics_of(port), {}) for port in cut.ports]
        for node in cut.members:
            parameters = cut.variant.parameters[node.path]
            if isinstance(node.dynamics, Neuron):
                runners.append(LaneRunner(dynamics[node.path], parameters, self._batch))
            else:
                runners.append(NativeRunner(dynamics[node.path][0], parameters))
        schedule = cut.schedule(lambda node: dynamics[node.path][0])
        self._executor = Executor(schedule, ops, runners)
        self._keys = [tally.trace.record_key(target) for tally in tallies]
        self._state: Any = None
        self.bounds: list[Bound] = self._bounds()
        """Per lane the score so far, which can only grow."""

    @property
    def finished(self) -> bool:
        """Whether the whole recording has been run."""
        return self.time >= self.length

    def _bounds(self) -> list[Bound]:
        zeros = np.zeros_like(self.tallies[0].wrong)
        spikes = sum((t.score for t in self.tallies if t.trace.spikes), zeros)
        states = [] if self.by_spikes else [t.score for t in self.tallies if not t.trace.spikes]
        lanes = zip(spikes.T, sum(states, zeros).T, strict=True)
        return [min(zip(*shifts, strict=True)) for shifts in lanes]

    @property
    def size(self) -> int:
        """Bytes that all lanes and members put out in a step."""
        members = sum(math.prod(n.output_shape) for n in self.lanes[0].cut.members)
        return len(self.lanes) * math.prod(self._batch) * members * self.ops.dtype.itemsize

    def finish(self) -> None:
        """Run to the end, in pieces that fit into memory."""
        while not self.finished:
            self.advance_some(self.length)

    def advance_some(self, steps: int) -> None:
        """`advance` by some steps, or by as many as fit into memory."""
        self.advance(max(1, min(steps, MOST_BYTES // max(self.size, 1))))

    def advance(self, steps: int) -> dict[str, np.ndarray]:
        """Simulate some steps.

        Returns: per trace [steps, lanes, *batch, *features].
        """
        stop = min(self.time + steps, self.length)
        with np.errstate(all="ignore"):
            if self._state is None:
                self._state = self._first_state()
            xs = {str(i): self._feed(i, stop) for i in range(len(self.lanes[0].cut.feeds))}
            _, self._state, found = self._executor.run(xs, self._state, self._keys, stop)
        simulated = {}
        for tally, key in zip(self.tallies, self._keys, strict=True):
            tally.add(found[key])
            simulated[tally.trace.key] = found[key]
        self.time, self.bounds = stop, self._bounds()
        return simulated

    def _feed(self, port: int, stop: int) -> np.ndarray:
        each = [lane.cut.feeds[port][self.time : stop] for lane in self.lanes]
        if all(lane.cut is self.lanes[0].cut for lane in self.lanes):
            first = each[0][:, None]
            return np.broadcast_to(first, (len(first), len(each), *first.shape[2:]))
        return np.stack(each, axis=1)

    def _first_state(self) -> Any:
        """The executor's own, but feedback edges carry what they carry in the whole graph."""
        tree = self._executor.init_state((len(self.lanes), *self._batch))
        schedule, before = self._executor.schedule, self.lanes[0].cut.variant.before
        for node in schedule.nodes:
            for source in node.late_sources:
                origin = schedule.nodes[source]
                branch = tree
                for name in node.path:
                    branch = branch[name]
                late = branch[FEEDBACK]
                first = before[node.path, origin.path]
                late[origin.name] = np.array(np.broadcast_to(first, late[origin.name].shape))
        return tree

    def _dynamics(self, node: ScheduledNode) -> list[Dynamics]:
        dynamics = dynamics_of(node)
        if isinstance(dynamics, Linear | Convolution):
            dynamics = replace(dynamics, binary=False)  # a recording may hold anything
        return [replace(dynamics, rule=_rule(node, n.cut, n.choices)) for n in self.lanes]
