"""A trial: candidates that differ in numbers only, run side by side against the recording."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nirx.basics.paths import Path
from nirx.diagnosis.candidates import Choices, is_searched, values_of, with_choices
from nirx.diagnosis.cut import Cut
from nirx.diagnosis.lanes import LaneRunner
from nirx.diagnosis.observed import Trace
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

__all__ = ["Lane", "Trial", "rule_for"]

Bound = tuple[float, float]

MOST_BYTES = 2**26
"""Of what one stretch puts out; it takes a few times as much while it runs."""


@dataclass(frozen=True)
class Lane:
    """One candidate in a trial.

    Arguments:
        cut: its group in its variant; the cuts of one trial differ in feeds and dt only.
        choices: what the searched nodes take.
        order: its place among all candidates.
    """

    cut: Cut
    choices: Choices
    order: int


def rule_for(cut: Cut, node: ScheduledNode, choices: Choices) -> Discretization:
    """The rule of one member under a candidate: its own, and of the choices what matters to it."""
    rule = cut.variant.discretization.at(node.path)
    if not is_searched(node.dynamics):
        return rule
    assert node.dynamics is not None, "searched nodes have dynamics"
    own = values_of(node.dynamics, cut.variant.parameters[node.path], rule, 0)
    return with_choices(rule, {name: choices[name] for name in own if name in choices})


class Trial:
    """One run over many lanes; `advance` takes it a stretch further.

    Arguments:
        target: the recorded node; traces: its recordings.
        lanes: candidates with the same operations.
        tallies: one per trace.
        aside: whether v and i are left out of the bounds.
    """

    def __init__(
        self,
        target: Path,
        lanes: Sequence[Lane],
        traces: Sequence[Trace],
        tallies: Sequence[Tally],
        ops: NumpyOps,
        aside: bool = False,
    ):
        self.target, self.lanes = target, tuple(lanes)
        self.traces, self.tallies = tuple(traces), tuple(tallies)
        self.ops, self.aside = ops, aside
        self.time = 0
        self.length = len(traces[0].values)
        cut = self.lanes[0].cut
        self._batch = self._batch_of(cut, traces[0])
        schedule = cut.schedule(lambda node: self._dynamics(node)[0])
        runners: list[Runner] = [NativeRunner(_of(n), {}) for n in cut.nodes[: len(cut.feeds)]]
        for node in cut.members:
            parameters = cut.variant.parameters[node.path]
            if isinstance(node.dynamics, Neuron):
                runners.append(LaneRunner(self._dynamics(node), parameters, self._batch))
            else:
                runners.append(NativeRunner(self._dynamics(node)[0], parameters))
        self._executor = Executor(schedule, ops, runners)
        self._keys = [self._key(trace) for trace in traces]
        self._state: Any = None
        self.bounds: list[Bound] = self._bounds()
        """Per lane the scores of spikes, and of v and i: at least so much."""

    @property
    def finished(self) -> bool:
        """Whether the whole recording has been run."""
        return self.time >= self.length

    def _bounds(self) -> list[Bound]:
        traces = [t for t in self.tallies if not (t.trace.spikes or self.aside)]
        spikes = sum((t.score for t in self.tallies if t.trace.spikes), np.zeros(()))
        samples = sum((t.score for t in traces), np.zeros(()))
        shape = self.tallies[0].wrong.shape
        spikes, samples = np.broadcast_to(spikes, shape), np.broadcast_to(samples, shape)
        return [
            min(zip(spikes[:, lane], samples[:, lane], strict=True))
            for lane in range(len(self.lanes))
        ]

    @property
    def size(self) -> int:
        """Bytes of one array over all lanes and members, about what a step puts out."""
        members = sum(math.prod(n.output_shape) for n in self.lanes[0].cut.members)
        return len(self.lanes) * math.prod(self._batch) * members * self.ops.dtype.itemsize

    def finish(self) -> None:
        """Run what is left, in pieces that memory can hold."""
        while not self.finished:
            self.advance_some(self.length)

    def advance_some(self, steps: int) -> None:
        """`advance` by so many steps, or by as many as memory can hold."""
        self.advance(max(1, min(steps, MOST_BYTES // max(self.size, 1))))

    def advance(self, steps: int) -> dict[str, np.ndarray]:
        """Run some steps more; gives what was simulated, [steps, lanes, *batch, *features]."""
        stop = min(self.time + steps, self.length)
        with np.errstate(all="ignore"):
            if self._state is None:
                self._state = self._first_state()
            xs = {str(i): self._feed(i, stop) for i in range(len(self.lanes[0].cut.feeds))}
            _, self._state, found = self._executor.run(xs, self._state, self._keys, stop)
        for tally, key in zip(self.tallies, self._keys, strict=True):
            tally.add(found[key])
        self.time, self.bounds = stop, self._bounds()
        return {t.key: found[key] for t, key in zip(self.traces, self._keys, strict=True)}

    def _feed(self, port: int, stop: int) -> np.ndarray:
        each = [lane.cut.feeds[port][self.time : stop] for lane in self.lanes]
        if all(
            part is each[0] or lane.cut is self.lanes[0].cut
            for part, lane in zip(each, self.lanes, strict=True)
        ):
            first = each[0][:, None]
            return np.broadcast_to(first, (len(first), len(each), *first.shape[2:]))
        return np.stack(each, axis=1)

    def _first_state(self) -> Any:
        """As the executor starts, but a feedback edge carries what it does in the whole graph."""
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
        assert node.dynamics is not None, "make_variants refuses other nodes"
        dynamics = node.dynamics
        if isinstance(dynamics, Linear | Convolution):
            dynamics = replace(dynamics, binary=False)  # a recording may hold anything
        return [
            replace(dynamics, rule=rule_for(lane.cut, node, lane.choices)) for lane in self.lanes
        ]

    def _key(self, trace: Trace) -> tuple[str, ...]:
        return self.target if trace.variable is None else (*self.target, trace.variable)

    def _batch_of(self, cut: Cut, trace: Trace) -> tuple[int, ...]:
        features = next(n for n in cut.members if n.path == self.target).output_shape
        return trace.values.shape[1 : trace.values.ndim - len(features)]


def _of(node: ScheduledNode) -> Dynamics:
    assert node.dynamics is not None, "a port has"
    return node.dynamics
