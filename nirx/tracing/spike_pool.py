"""The maximum over a window of spikes, which NIR has no node for: whether there are any."""

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

__all__ = ["refuse_bare_pools", "require_spikes", "spike_pool"]

OF_SPIKES = "nirx_of_spikes"
"""In the metadata of a node on its way into a graph: it takes nothing but 0 and 1."""


REFUSAL = (
    "the maximum over a window has no NIR node, unless it is of spikes, at most one per neuron and "
    "step; put it behind a neuron, or take an average"
)


def spike_pool(sums: nir.NIRNode) -> nir.NIRGraph:
    """The maximum of 0 and 1 over the windows of a sum: 1 where the sum is above 1/2.

    `require_spikes` refuses a graph in which something else flows in.
    """
    sums.metadata = {**(sums.metadata or {}), OF_SPIKES: True}
    unknown: Any = {"input": None, "output": None}  # the graph around it tells
    nodes = {
        "input": nir.Input(dict(unknown)),
        "sum": sums,
        "any": nir.Threshold(np.array(0.5)),
        "output": nir.Output(dict(unknown)),
    }
    edges = [("input", "sum"), ("sum", "any"), ("any", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def require_spikes(graph: nir.NIRGraph, rule: Discretization) -> None:
    """Check what flows into the pools of a finished graph, and take their marks off.

    **Raises**: `UnsupportedError` where it is not spikes, at most one per step.
    """
    marked = _take_marks(graph)
    if not marked:
        return
    schedule, _ = build_schedule(graph, rule)
    binary: list[bool] = []
    for node in schedule.nodes:
        sources = [(binary[s.position] if not s.late else False, s.late) for s in node.sources]
        binary.append(mark_binary(node.dynamics, sources)[1])
        if node.path in marked and sources != [(True, False)]:
            raise UnsupportedError(f"{'/'.join(node.path[:-1])}: {REFUSAL}")


def refuse_bare_pools(graph: nir.NIRGraph) -> None:
    """The same for the graph of a single module, of whose input nothing is known."""
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
