"""A graph on a library's own neurons, with NumPy arrays in and out."""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx.bridging.bridge import Bridge
from nirx.execution.backend import find_backend

__all__ = ["run_on"]


def run_on(
    bridge: Bridge,
    graph: nir.NIRGraph,
    discretization: nirx.Discretization,
    xs: np.ndarray,
    dtype: str,
) -> np.ndarray:
    """The output of a graph with one Output, [time, *batch, *features].

    **Raises**: `nirx.UnsupportedError` if the bridge refuses the graph.
    """
    backend = find_backend(bridge.backend)
    run = backend.prepare(graph, discretization, dtype, node_map=bridge.node_map)
    return np.asarray(run(xs.astype(dtype))[0])
