"""How much memory a run takes, estimated from its schedule before it starts.

The estimate follows `Executor.run`. A run holds its inputs and results over all of its steps. It
computes chunk after chunk (`default_chunk`), and within a chunk node after node: the values that a
later node reads, and what the node at work makes. What is not in nirx's own code (compilers,
allocators, a library's convolution) is in `Factors`, which were fitted to measured peaks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.dynamics.conv import Convolution
from nirx.dynamics.geometry import padded
from nirx.dynamics.linear import Linear
from nirx.dynamics.node_types import find_type
from nirx.dynamics.pool import SumPool2d
from nirx.dynamics.reshape import Flatten, Port
from nirx.errors import NirxError
from nirx.execution.backend import find_backend
from nirx.execution.chunking import default_chunk
from nirx.execution.kernels.plan import Plan, make_plan
from nirx.execution.memory_factors import NODE_BY_NODE, Factors
from nirx.graphs.origin import node_at
from nirx.graphs.recording import Probe
from nirx.graphs.schedule import Schedule, ScheduledNode

__all__ = ["Estimate", "estimate_memory", "parameters_of"]


GIVEN_BACK = 2**24
"""Bytes of an array that an allocator gives back to the system as soon as it is freed."""
WIDE = 8
"""Bytes of the numbers that reproducible products are made of."""


@dataclass(frozen=True)
class Estimate:
    """Bytes that a run takes beyond what is there when its graph and backend are loaded.

    Arguments:
        parameters: of the network.
        chunk: of the arrays of one piece of time, all nodes included.
        kept: of what the whole run keeps.
        fixed: in any case.
    """

    parameters: int
    chunk: int
    kept: int = 0
    fixed: int = 0

    @property
    def total(self) -> int:
        return self.parameters + self.chunk + self.kept + self.fixed


def _factors(backend: str) -> Factors:
    try:
        return getattr(find_backend(backend), "memory", NODE_BY_NODE)
    except NirxError:  # whoever runs it says so
        return NODE_BY_NODE


def estimate_memory(
    graph: nir.NIRGraph,
    schedule: Schedule,
    backend: str,
    *,
    steps: int,
    samples: int,
    itemsize: int,
    record: Sequence[Probe] = (),
    kept: int = 0,
    reproducible: bool = False,
) -> Estimate:
    """Estimate the peak of `net.run`.

    Arguments:
        graph: whose parameters count.
        schedule: of the graph.
        backend: its name; one that is unknown, or states no factors, is taken for NumPy's.
        steps: that one call runs.
        samples: elements of the batch.
        itemsize: bytes of a number.
        record: what is recorded, besides the Outputs.
        kept: bytes of arrays that the caller keeps.
        reproducible: whether it runs in reproducible mode.
    """
    factors = _factors(backend)
    wanted = [*(Probe(name, p, None) for name, p in schedule.outputs), *record]
    walk = _Walk(graph, schedule, wanted, factors, itemsize, reproducible)
    chunk = min(steps, default_chunk(schedule, (samples,), itemsize, factors.room))
    ports = sum(math.prod(schedule.nodes[p].input_shape) for _, p in schedule.inputs)
    results = sum(map(walk.size_of, wanted))
    if factors.compiles:
        computed, rest = results, int(steps % chunk > 0)  # which is cut off, run and joined
        joined = max(factors.results, rest) * results
        whole = max((2 + rest) * ports + results, ports + results + joined)
    else:
        computed = walk.computed()
        whole = factors.inputs * ports + computed + factors.results * results
    most, largest = walk.most()
    passing = max(0, most - computed)
    if itemsize * samples * chunk * largest < GIVEN_BACK:
        passing *= factors.passing
    numbers = samples * (whole * steps + passing * chunk)
    stored = (parameters_of(node_at(graph, node.path)) for node in schedule.nodes)
    parameters = factors.parameters * sum(a.size for own in stored for a in own.values())
    return Estimate(int(parameters * itemsize), int(itemsize * numbers), kept, factors.fixed)


class _Walk:
    """The numbers that a chunk holds while its nodes run, for one step of one sample."""

    def __init__(
        self,
        graph: nir.NIRGraph,
        schedule: Schedule,
        wanted: Sequence[Probe],
        factors: Factors,
        itemsize: int,
        reproducible: bool,
    ):
        self.graph, self.schedule, self.wanted, self.factors = graph, schedule, wanted, factors
        self.reproducible, self.widening = reproducible, WIDE / itemsize
        execution = "plain" if factors.compiles else "auto"
        dtype = "float32" if itemsize == 4 else "float64"
        self.plan: Plan = make_plan(schedule, execution, dtype, reproducible)
        self.owners = self._owners()
        self.starts = {p for _, p in schedule.inputs}  # counted as inputs

    def _owners(self) -> list[int]:
        """For each position, the one whose array its value is."""
        owners = list(range(len(self.schedule.nodes)))
        for p, node in enumerate(self.schedule.nodes):
            passes = isinstance(node.dynamics, Port | Flatten) and len(node.sources) == 1
            if passes and not node.sources[0].late and node.sources[0].position < p:
                owners[p] = owners[node.sources[0].position]
        return owners

    def size_of(self, probe: Probe) -> int:
        """Numbers of a result."""
        node = self.schedule.nodes[probe.position]
        if probe.variable is None or node.dynamics is None:
            return math.prod(node.output_shape)
        return math.prod(node.dynamics.state_shapes()[probe.variable])

    def computed(self) -> int:
        """Numbers of the results that a chunk leaves behind; one array may be several results."""
        own = {(self.owners[p.position], p.variable): self.size_of(p) for p in self.wanted}
        return sum(size for (p, _), size in own.items() if p not in self.starts)

    def most(self) -> tuple[float, float]:
        """The most numbers that are held at a time, besides the inputs, and those of the largest
        array."""
        owners, kept = self.owners, {self.owners[p.position] for p in self.wanted}
        readers = [0] * len(owners)
        for owner in owners:
            readers[owner] += 1
        held: dict[int, int] = {}
        most = traces = largest = 0.0
        for segment, finished in zip(self.schedule.segments, self.schedule.last_uses, strict=True):
            inside = range(segment.start, segment.stop)
            read = self.schedule.borders[segment.start][1] if segment.stepwise else inside
            work = 0.0
            for p in inside:
                traces += sum(
                    self.size_of(w) for w in self.wanted if w.position == p and w.variable
                )
                if p in self.starts or owners[p] != p:
                    continue
                if p in kept or p in read:  # in a cycle, other values are of one step
                    held[p] = math.prod(self.schedule.nodes[p].output_shape)
                    own = self._work(p)
                    work += own
                    largest = max(largest, own, held[p])
            most = max(most, sum(held.values()) + traces + work)
            for p in finished:
                owner = owners[p]
                readers[owner] -= 1
                if not readers[owner] and owner not in kept:
                    held.pop(owner, None)
        return most, largest

    def _work(self, position: int) -> float:
        """Numbers that a node makes besides its value."""
        node = self.schedule.nodes[position]
        size, takes = math.prod(node.output_shape), math.prod(node.input_shape)
        sums = min(2, len(node.sources) - 1) * takes
        if self.factors.compiles:
            return self._patches(node)  # it computes in place
        if self.plan.choices[position].how in ("fused", "loop"):
            return sums
        work = size
        if isinstance(node.dynamics, Linear):
            bias = getattr(node_at(self.graph, node.path), "bias", None) is not None
            work = size if bias else 0
        if self.reproducible and isinstance(node.dynamics, Linear | Convolution):
            work += self.widening * (takes + 2 * size)
        if isinstance(node.dynamics, SumPool2d) and any(node.dynamics.padding):
            work += _padded(node, [(n, n) for n in node.dynamics.padding])
        return sums + max(work, self._patches(node))

    def _patches(self, node: ScheduledNode) -> float:
        if not isinstance(node.dynamics, Convolution):
            return 0
        kernel = np.shape(node_at(self.graph, node.path).weight)[2:]
        whole = _padded(node, node.dynamics.geometry.padding)
        places = math.prod(node.output_shape[1:]) * node.input_shape[0]
        copies = self.factors.patches[self.reproducible]
        wide = self.widening if self.reproducible else 1
        return copies * wide * (math.prod(kernel) * places + whole)


def _padded(node: ScheduledNode, sides: Sequence[tuple[int, int]]) -> int:
    """Numbers of the copy of an input that has its padding."""
    channels, *space = node.input_shape
    return channels * math.prod(padded(tuple(space), tuple(sides)))


def parameters_of(node: Any) -> dict[str, np.ndarray]:
    """The trainable parameters of a node, as stored."""
    entry = find_type(type(node))
    dynamics = entry.dynamics if entry is not None else None
    names = dynamics.parameter_names(node) if dynamics is not None else ()
    return {n: np.asarray(getattr(node, n)) for n in names if getattr(node, n, None) is not None}
