"""A trial: candidates that differ in numbers only, simulated in parallel along a batch axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import getitem
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
from nirx.diagnosis.gains import AS_IS, Gain, scaled_parameters
from nirx.diagnosis.groups import Cut
from nirx.diagnosis.tally import Tally
from nirx.dynamics.base import Dynamics
from nirx.dynamics.conv import Convolution
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.linear import Linear
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.execution.execute import Executor
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.runners import NativeRunner
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
        changes: names of the choices that differ from those asked for.
        gain: of the input and threshold of the node with this path, the target.
    """

    cut: Cut
    choices: Choices
    order: int
    changes: tuple[str, ...]
    gain: Gain = AS_IS

    def dynamics(self, node: ScheduledNode, base: Discretization | None = None) -> Dynamics:
        """The dynamics of a member under this candidate, which changes only what matters there.

        Arguments:
            base: in place of the discretization of the variant.
        """
        variant, dynamics = self.cut.variant, dynamics_of(node)
        rule = (base or variant.discretization).at(node.path)
        names = values_of(dynamics, variant.parameters[node.path], rule, 0)
        own = {name: self.choices[name] for name in names if name in self.choices}
        if isinstance(dynamics, Linear | Convolution):
            dynamics = replace(dynamics, binary=False)  # a recording may hold anything
        return replace(dynamics, rule=with_choices(rule, own))


class LaneRunner(NativeRunner):
    """A neuron or Threshold whose coefficients and initial state differ from lane to lane.

    Arguments:
        lanes: the dynamics of each lane; their rules differ only in dt, integrator and
            initial_v, which change numbers but no operation.
        parameters: the node's arrays, for each lane.
        batch: the batch axes of the data, without the leading axis of lanes.
    """

    def __init__(
        self,
        lanes: Sequence[Dynamics],
        parameters: Sequence[Mapping[str, np.ndarray]],
        batch: Shape,
    ):
        super().__init__(lanes[0], parameters[0])
        self.lanes, self.batch = lanes, batch
        self._each = parameters

    def coefficients(self, ops: Ops) -> Any:
        pairs = zip(self.lanes, self._each, strict=True)
        each = [lane.coefficients(ops, p) for lane, p in pairs]
        return {name: self._stacked([own[name] for own in each]) for name in each[0]}

    def initial_state(self, ops: Ops, batch: Shape) -> Any:
        pairs = zip(self.lanes, self._each, strict=True)
        each = [lane.initial_state(ops, p, self.batch) for lane, p in pairs]
        return {name: np.stack([own[name] for own in each]) for name in each[0]}

    def _stacked(self, arrays: list[Array]) -> Array:
        first = arrays[0]
        if all(np.array_equal(first, other) for other in arrays[1:]):
            return first
        axes = len(self.batch) + len(self.dynamics.output_shape)
        return np.stack([np.reshape(a, (1,) * (axes - np.ndim(a)) + np.shape(a)) for a in arrays])


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
        self.lanes, self.tallies, self.by_spikes = lanes, tallies, by_spikes
        self.time = 0
        recorded = tallies[0].trace.values
        self.length = len(recorded)
        cut = lanes[0].cut
        features = next(n for n in cut.members if n.path == target).output_shape
        self._batch = recorded.shape[1 : recorded.ndim - len(features)]
        runners = [NativeRunner(dynamics_of(port), {}) for port in cut.ports]
        members = []
        for node in cut.members:
            parameters = cut.variant.parameters[node.path]
            each = [lane.dynamics(node) for lane in lanes]
            members.append(replace(node, dynamics=each[0]))
            if is_searched(node.dynamics):
                gains = [lane.gain if node.path == target else AS_IS for lane in lanes]
                scaled = [scaled_parameters(parameters, gain) for gain in gains]
                runners.append(LaneRunner(each, scaled, self._batch))
            else:
                runners.append(NativeRunner(each[0], parameters))
        self._executor = Executor(cut.schedule(members), ops, runners)
        self._keys = [tally.trace.record_key(target) for tally in tallies]
        self._state: Any = None
        width = sum(math.prod(node.output_shape) for node in members)
        self.size = len(lanes) * math.prod(self._batch) * width * ops.dtype.itemsize
        """Bytes that all lanes and members put out in a step."""
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
                late = reduce(getitem, node.path, tree)[FEEDBACK]
                first = before[node.path, origin.path]
                late[origin.name] = np.array(np.broadcast_to(first, late[origin.name].shape))
        return tree
