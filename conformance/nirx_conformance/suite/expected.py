"""The expectation of a case: the oracle's outputs, recordings and states."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.graphs.flatten import walk_graphs
from nirx.graphs.origin import rebuild_graph
from nirx.graphs.state import map_tree
from nirx_conformance import oracle
from nirx_conformance.cases import FixedCase, in_dtype

__all__ = ["Expected", "case_graph", "expect", "joined"]


@dataclass(frozen=True)
class Expected:
    """The results of the oracle.

    Arguments:
        start: the state before the first step; None for the initial state.
        result: outputs, recordings, last state and margins, all float64.
    """

    start: Any
    result: oracle.OracleResult


def case_graph(case: FixedCase, dtype: str) -> nir.NIRGraph:
    """The graph with floating-point parameters rounded to the run's dtype.

    So the oracle in float64 and a backend in float32 compute the same network.
    """
    if dtype == "float64":
        return case.graph
    nodes = {
        (*path, name): _rounded(node, dtype)
        for path, graph, _ in walk_graphs(case.graph)
        for name, node in graph.nodes.items()
        if not isinstance(node, nir.NIRGraph)
    }
    return rebuild_graph(case.graph, nodes)


def expect(case: FixedCase, dtype: str | None = None) -> Expected:
    """Run the oracle.

    Arguments:
        dtype: None takes the case's own.
    """
    kind = dtype or case.dtype
    graph = case_graph(case, kind)
    inputs = in_dtype(case.inputs, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if case.warmup is None:
            return Expected(None, oracle.run(graph, case.discretization, inputs))
        warmup = in_dtype(case.warmup, kind)
        before = oracle.run(graph, case.discretization, warmup)
        whole = oracle.run(graph, case.discretization, joined(warmup, inputs))
    steps = len(next(iter(warmup.values())) if isinstance(warmup, dict) else warmup)
    after = oracle.OracleResult(
        {k: v[steps:] for k, v in whole.outputs.items()},
        {k: v[steps:] for k, v in whole.recordings.items()},
        whole.state,
        {k: v[steps:] for k, v in whole.margins.items()},
    )
    return Expected(map_tree(lambda leaf: leaf.astype(kind), before.state), after)


def joined(first: Any, second: Any) -> Any:
    """Two inputs, one after the other in time."""
    if isinstance(first, dict):
        return {name: np.concatenate([first[name], second[name]]) for name in first}
    return np.concatenate([first, second])


def _rounded(node: Any, dtype: str) -> Any:
    new = copy.copy(node)
    for name, value in vars(node).items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            setattr(new, name, value.astype(dtype))
    return new
