"""Max pooling of spikes, as NIR can express it: is there any spike in the window?"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.dynamics.discretization import Discretization
from nirx.errors import UnsupportedError
from nirx.graphs.binary import mark_binary
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.schedule import build_schedule
from nirx.tracing.spike_logic import require_spikes_at_gates, take_gates

__all__ = ["refuse_bare_pools", "require_spikes", "spike_pool"]

OF_SPIKES = "nirx_of_spikes"
"""Metadata key that marks a node, until its graph is finished, whose input must be 0 or 1."""


REFUSAL = (
    "the maximum over a window has no NIR node, except for spikes, at most one per neuron and time "
    "step; put it after a neuron, or use average pooling"
)


def spike_pool(sums: nir.NIRNode) -> nir.NIRGraph:
    """Max pooling of spikes: 1 where the sum over a window exceeds 1/2.

    Arguments:
        sums: the sum pooling over the same windows.

    Returns: a nested graph, which `require_spikes` refuses if its input is not spikes.
    """
    sums.metadata = {**(sums.metadata or {}), OF_SPIKES: True}
    unknown: Any = {"input": None, "output": None}  # the enclosing graph determines it
    nodes = {
        "input": nir.Input(dict(unknown)),
        "sum": sums,
        "any": nir.Threshold(np.array(0.5)),
        "output": nir.Output(dict(unknown)),
    }
    edges = [("input", "sum"), ("sum", "any"), ("any", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def require_spikes(graph: nir.NIRGraph, rule: Discretization) -> None:
    """Check the input of every spike pool and gate of a finished graph, and remove the marks.

    **Raises**: `UnsupportedError` if it is not spikes, at most one per time step.
    """
    marked, gates = _take_marks(graph), take_gates(graph.nodes)
    if not marked and not gates:
        return
    schedule, _ = build_schedule(graph, rule)
    binary: list[bool] = []
    for node in schedule.nodes:
        sources = [(binary[s.position] if not s.late else False, s.late) for s in node.sources]
        binary.append(mark_binary(node.dynamics, sources)[1])
        if node.path in marked and sources != [(True, False)]:
            raise UnsupportedError(f"{'/'.join(node.path[:-1])}: {REFUSAL}")
    require_spikes_at_gates(schedule, binary, gates)


def refuse_bare_pools(graph: nir.NIRGraph) -> None:
    """The same for the graph of a single module, whose input is unknown."""
    if _take_marks(graph):
        raise UnsupportedError(REFUSAL)


def _take_marks(graph: nir.NIRGraph) -> list[Path]:
    marked: list[Path] = []
    for path, below, _ in walk_graphs(graph):
        for name, node in below.nodes.items():
            metadata = getattr(node, "metadata", None)
            if isinstance(metadata, dict) and metadata.pop(OF_SPIKES, False):
                marked.append((*path, name))
    return marked
