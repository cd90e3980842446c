"""What a graph that was read must survive: a file that is read back, a schedule, and a run."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nir
import numpy as np

import nirx
from nirx.execution.memory import estimate_memory
from support.fuzzing.outcome import Wrong

__all__ = ["BACKEND", "settle"]

BACKEND = "nirx.execution.numpy_backend:BACKEND"
"""By its place: looking for "numpy" among the installed packages takes longer than the run."""
MOST_BYTES = 2**26
"""A larger network may be right, but is not run here."""


def settle(graph: nir.NIRGraph, folder: Path) -> None:
    """Write a checked graph and read it back, schedule it, and run two steps.

    **Raises**: `NirxError`; `Wrong` if the copy is another graph.
    """
    path = folder / "again.nir"
    nirx.write(path, graph)
    again = nirx.read(path)
    if not nirx.same_graph(_undeclared(graph), again):
        raise Wrong("written and read back, it is another graph")
    schedule = nirx.schedule(graph)
    needed = estimate_memory(graph, schedule, BACKEND, steps=2, samples=1, itemsize=8)
    if needed.total + 8 * _numbers(schedule.state_spec) > MOST_BYTES:
        return
    net: Any = nirx.from_nir(graph, BACKEND)
    net.run(
        {
            name: np.ones((2, *schedule.nodes[place].output_shape), net.dtype)
            for name, place in schedule.inputs
        }
    )


def _undeclared(graph: nir.NIRGraph, ports: Any = nir.Output) -> nir.NIRGraph:
    """The graph without the shapes of ports, of which wrong ones are corrected in a file.

    Those of the outermost Inputs count.
    """
    new = copy.copy(graph)
    new.nodes = {}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            new.nodes[name] = _undeclared(node, nir.Input | nir.Output)
        else:
            new.nodes[name] = copy.copy(node)
            if isinstance(node, ports):
                new.nodes[name].input_type = {}
    return new


def _numbers(state: Any) -> int:
    if isinstance(state, Mapping):
        return sum(map(_numbers, state.values()))
    return math.prod(state)
