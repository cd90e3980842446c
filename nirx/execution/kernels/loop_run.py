"""Runs a `Loop` on the arrays of a network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.dynamics.ops import Array, Shape
from nirx.execution.kernels.gather import GatheredWeight
from nirx.execution.kernels.loop import Loop, LoopNode
from nirx.execution.kernels.plan import Plan
from nirx.execution.kernels.product import sliced_arrays
from nirx.execution.kernels.runner import Host
from nirx.execution.kernels.running import run_kernel
from nirx.graphs.schedule import Schedule
from nirx.graphs.state import NodeState

__all__ = ["LoopCall", "Loops", "Outputs"]

Outputs = tuple[list[NodeState], list[Array], list[Array]]
"""New states, wanted values, recordings."""


class _NotLent(Exception):  # control flow
    """An array of the backend that no kernel can read."""


@dataclass(frozen=True)
class LoopCall:
    """A cyclic component and a chunk of time.

    Arguments:
        start: position of its first node.
        values: of the nodes outside, [time, *batch, *features], by position.
        states, coefficients: of the component's nodes.
        wanted: positions whose values are returned.
        recorded: positions and state variables that are returned over time.
        length: number of steps, at least 1.
    """

    start: int
    values: Mapping[int, Array]
    states: Sequence[NodeState]
    coefficients: Sequence[Any]
    wanted: Sequence[int]
    recorded: Sequence[tuple[int, str]]
    length: int


@dataclass(frozen=True)
class Loops:
    """The cyclic components of a network that kernels run.

    Arguments:
        ops: of the run, for the scales of reproducible products.
        host: lends the backend's arrays.
    """

    schedule: Schedule
    plan: Plan
    ops: Any
    host: Host

    def run(self, call: LoopCall) -> Outputs | None:
        """Run a component over a chunk of time.

        Returns: None where there is no kernel, where the arrays cannot be lent to it, or where
        reproducible mode needs the general product: an input of a product is not 0 or 1.
        """
        loop = self.plan.loops.get(call.start)
        if loop is None or not self.plan.is_worth_it(call.length, 0):
            return None
        if not self.host.stands_for(self.ops):
            return None
        nodes = self.schedule.nodes
        try:
            run = _Run(loop, self.schedule, self.ops, self.host, call)
            arrays = [run.lent(call.values[p], nodes[p].output_shape, 1) for p in loop.outside]
            for node, (own, late), c in zip(
                loop.nodes, call.states, call.coefficients, strict=True
            ):
                arrays += run.node(node, own, late, c)
        except _NotLent:
            return None
        return run.finish(arrays)


class _Run:
    def __init__(
        self,
        loop: Loop,
        schedule: Schedule,
        ops: Any,
        host: Host,
        call: LoopCall,
    ):
        self.loop, self.schedule, self.ops, self.host = loop, schedule, ops, host
        self.call, self.length = call, call.length
        self.batch = self._batch(call.states)
        self.samples = math.prod(self.batch)
        self.dtype = np.dtype(loop.dtype)
        self.new: list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]] = []

    def _batch(self, states: Sequence[NodeState]) -> Shape:
        for node, (_, late) in zip(self.loop.nodes, states, strict=True):
            for source in node.late:
                place = self.schedule.nodes[source]
                shape = tuple(late[place.name].shape)
                return shape[: len(shape) - len(place.output_shape)]
        raise _NotLent  # a cycle without a late edge has Delays, which no loop runs

    def host_array(self, array: Array) -> np.ndarray:
        found = self.host.arrays([array])
        if found is None:
            raise _NotLent
        return found[0]

    def lent(self, array: Array, features: Shape, axes: int = 0) -> np.ndarray:
        """[*time, samples, elements], contiguous."""
        given = self.host_array(array)
        if given.dtype != self.dtype:
            raise _NotLent
        flat = (*given.shape[:axes], self.samples, math.prod(features))
        return np.require(given, requirements=["C", "W"]).reshape(flat)

    def state(self, array: Array, features: Shape) -> np.ndarray:
        """A copy for the kernel to replace."""
        return np.array(self.lent(array, features))

    def node(self, node: LoopNode, own: Any, late: Mapping[str, Array], c: Any) -> list[np.ndarray]:
        place = self.schedule.nodes[self.loop.start + len(self.new)]
        arrays: list[np.ndarray] = []
        states: dict[str, np.ndarray] = {}
        if node.kind == "product":
            arrays += self.product(node, c)
        elif node.step is not None:
            for name in node.step.coefficients:
                arrays.append(self.whole(c[name], place.output_shape))
            states = {k: self.state(own[k], place.output_shape) for k in node.step.states}
        before: dict[str, np.ndarray] = {}
        for source in node.late:
            other = self.schedule.nodes[source]
            before[other.name] = self.state(late[other.name], other.output_shape)
        self.new.append((states, before))
        return [*arrays, *states.values(), *before.values()]

    def whole(self, array: Array, features: Shape) -> np.ndarray:
        """A coefficient or a bias for each element."""
        given = self.host_array(array)
        return np.ascontiguousarray(np.broadcast_to(given, features)).reshape(-1).copy()

    def product(self, node: LoopNode, c: Any) -> list[np.ndarray]:
        gives = (node.sizes[1],)
        bias = self.whole(c["bias"], gives) if "bias" in c else np.zeros(gives, self.dtype)
        if not self.loop.reproducible:
            return [self.rows(c["weight"]), bias]
        found = sliced_arrays(c["weight"][1], self.ops, self.host)
        if found is None:
            raise _NotLent
        return [*found, bias]

    def rows(self, weight: Any) -> np.ndarray:
        found = weight.rows() if isinstance(weight, GatheredWeight) else None
        if found is None:
            raise _NotLent
        return found

    def finish(self, arrays: list[np.ndarray]) -> Outputs | None:
        wanted, recorded = self.call.wanted, self.call.recorded
        first = self.loop.start
        sizes = [self.loop.nodes[p - first].sizes[1] for p in wanted]
        sizes += [self.loop.nodes[p - first].sizes[1] for p, _ in recorded]
        shape = self.length, self.samples
        outs = [np.empty((*shape, size), self.dtype) for size in sizes]
        flag = np.zeros(self.samples, np.uint8)
        arrays = [*arrays, *outs, flag]
        source = self.loop.source(tuple(wanted), tuple(recorded))
        work = self.length * self.samples * sum(sum(n.sizes) for n in self.loop.nodes)
        run_kernel(source, arrays, self.samples, work, (self.length,))
        if flag.any():
            return None
        nodes = self.schedule.nodes
        shapes = [nodes[p].output_shape for p in (*wanted, *(p for p, _ in recorded))]
        give = [
            self.host.result(o.reshape((self.length, *self.batch, *s)))
            for o, s in zip(outs, shapes, strict=True)
        ]
        return self.states(), give[: len(wanted)], give[len(wanted) :]

    def states(self) -> list[NodeState]:
        nodes = self.schedule.nodes
        result: list[NodeState] = []
        for i, (node, (own, late)) in enumerate(zip(self.loop.nodes, self.new, strict=True)):
            features = nodes[self.loop.start + i].output_shape
            shapes = (nodes[source].output_shape for source in node.late)
            pairs = zip(late.items(), shapes, strict=True)
            result.append(
                (
                    {k: self.given(a, features) for k, a in own.items()},
                    {k: self.given(a, shape) for (k, a), shape in pairs},
                )
            )
        return result

    def given(self, array: np.ndarray, features: Shape) -> Array:
        return self.host.result(array.reshape((*self.batch, *features)))
