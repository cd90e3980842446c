"""How much memory a run takes, estimated from its schedule before it starts.

The executor runs node after node over a chunk of time, so it holds the inputs of the chunk, the
outputs that a later node reads, and what the node at work makes. The factors below were fitted to
measured peaks of the three backends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.dynamics.node_types import find_type
from nirx.graphs.origin import node_at
from nirx.graphs.schedule import Schedule, ScheduledNode

__all__ = ["BACKENDS", "Estimate", "Factors", "estimate_memory", "parameters_of"]


@dataclass(frozen=True)
class Factors:
    """What a backend needs, as multiples of the arrays of a chunk.

    Arguments:
        inputs: copies of the inputs.
        neuron: copies of what a node with memory puts out, while it is at work.
        other: the same for all other nodes.
        patches: copies of the patches that a convolution multiplies.
        scale: what the allocator adds to all of them.
        fixed: bytes that a run takes in any case, above all for compiling it.
        frees: whether what neurons put out is freed when nothing reads it any more. A compiled
            program keeps it to its end.
    """

    inputs: float
    neuron: float
    other: float
    patches: float
    scale: float
    fixed: int
    frees: bool = True


BACKENDS = {
    "numpy": Factors(inputs=2, neuron=3, other=2, patches=1, scale=1.05, fixed=0),
    "torch": Factors(inputs=2, neuron=3, other=2, patches=0, scale=1.1, fixed=9 * 10**6),
    "jax": Factors(
        inputs=2, neuron=1, other=2, patches=0, scale=1.15, fixed=5 * 10**7, frees=False
    ),
}
"""Backends that were measured; the estimate for another one is that of numpy."""
REPRODUCIBLE = 2.2
"""What reproducible mode takes, as a multiple of fast mode: its products are made of float64."""


@dataclass(frozen=True)
class Estimate:
    """Bytes that a run takes beyond what is there when its graph and backend are loaded.

    Arguments:
        parameters: of the network.
        chunk: of the arrays of one chunk of time, all nodes included.
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


def estimate_memory(
    graph: nir.NIRGraph,
    schedule: Schedule,
    backend: str,
    *,
    steps: int,
    samples: int,
    itemsize: int,
    recorded: int = 0,
    kept: int = 0,
    reproducible: bool = False,
) -> Estimate:
    """Estimate the peak of a run.

    Arguments:
        graph: whose parameters count.
        schedule: of the graph.
        backend: its name.
        steps: of one chunk of time.
        samples: elements of the batch.
        itemsize: bytes of a number.
        recorded: numbers that one sample records in one step, besides the Outputs.
        kept: bytes of arrays that the whole run keeps.
        reproducible: whether it runs in reproducible mode.
    """
    factors = BACKENDS.get(backend, BACKENDS["numpy"])
    ports = sum(math.prod(schedule.nodes[p].input_shape) for _, p in schedule.inputs)
    most = _most_held(graph, schedule, factors)
    numbers = steps * samples * (factors.inputs * ports + most + 2 * recorded)
    stored = (parameters_of(node_at(graph, node.path)) for node in schedule.nodes)
    parameters = sum(array.size for own in stored for array in own.values())
    scale = factors.scale * (REPRODUCIBLE if reproducible else 1)
    chunk = int(scale * itemsize * numbers)
    return Estimate(parameters * itemsize, chunk, kept, factors.fixed)


def _most_held(graph: nir.NIRGraph, schedule: Schedule, factors: Factors) -> float:
    """The most numbers that nodes hold for one step of one sample, besides the Inputs."""
    ends = {p for _, p in schedule.outputs}
    held: dict[int, int] = {p: 0 for _, p in schedule.inputs}  # they are counted as inputs
    most = 0.0
    for segment, finished in zip(schedule.segments, schedule.last_uses, strict=True):
        before, work = sum(held.values()), 0.0
        for position in range(segment.start, segment.stop):
            node = schedule.nodes[position]
            if position in held:
                continue
            if segment.stepwise and position not in schedule.borders[segment.start][1] | ends:
                continue  # only its value of one step is there
            work += _work(graph, node, factors)
            held[position] = math.prod(node.output_shape)
        most = max(most, before + work)
        for position in finished:
            kept = schedule.nodes[position].neuron and not factors.frees
            if position not in ends and not kept:
                held.pop(position, None)
    return most


def _work(graph: nir.NIRGraph, node: ScheduledNode, factors: Factors) -> float:
    """Numbers that a node makes for one step of one sample, with what it puts out."""
    size = math.prod(node.output_shape)
    if node.neuron:
        return factors.neuron * size
    patches = 0
    if node.type_name in ("Conv1d", "Conv2d"):
        kernel = np.shape(node_at(graph, node.path).weight)[1:]
        patches = math.prod(kernel) * math.prod(node.output_shape[1:])
    return factors.other * size + factors.patches * patches


def parameters_of(node: Any) -> dict[str, np.ndarray]:
    """The trainable parameters of a node, as stored."""
    entry = find_type(type(node))
    names = entry.dynamics.parameters if entry is not None and entry.dynamics else ()
    return {n: np.asarray(getattr(node, n)) for n in names if getattr(node, n, None) is not None}
