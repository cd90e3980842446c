"""What every backend's `from_nir` does first: load, resolve the choices, schedule, copy."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.discretization import Discretization
from nirx.dynamics.base import Dynamics, parameter
from nirx.errors import InputError, UnsupportedError
from nirx.metadata import resolve_discretization
from nirx.node_map import find_builder
from nirx.reading import read
from nirx.schedule import Schedule, build_schedule

__all__ = ["Assembly", "assemble", "dtype_name", "load", "native_arrays"]

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Assembly:
    """A schedule and, for each position, a copy of the graph's node.

    `custom` holds the modules that the user's `node_map` made, by position.
    """

    schedule: Schedule
    nodes: list[Any]
    custom: dict[int, Any]


def assemble(
    graph_or_path: Any,
    discretization: Discretization | None,
    node_map: Mapping[type, Any] | None,
) -> Assembly:
    """Everything about a network that does not depend on the backend.

    **Raises**: `GraphError`, `FileError`, `InputError`.
    """
    graph = load(graph_or_path)
    if node_map is not None and not isinstance(node_map, Mapping):
        raise InputError(f"node_map is a {type(node_map).__name__}; expected {{NIR type: builder}}")
    chosen = resolve_discretization(graph, discretization)
    schedule, nodes = build_schedule(graph, chosen, tuple(node_map or ()))
    nodes = [copy.deepcopy(node) for node in nodes]  # a builder may keep the arrays it is given
    custom = {}
    for position, node in enumerate(nodes):
        builder = find_builder(node_map, type(node))
        if builder is not None:
            custom[position] = builder(node)
    return Assembly(schedule, nodes, custom)


def load(graph_or_path: Any) -> nir.NIRGraph:
    """The graph itself, or the one in the file of that path."""
    is_path = isinstance(graph_or_path, str | os.PathLike)
    graph = read(graph_or_path) if is_path else graph_or_path
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"expected a nir.NIRGraph or a path, got a {type(graph).__name__}")
    return graph


def native_arrays(dynamics: type[Dynamics], node: Any) -> dict[str, np.ndarray]:
    """Copies of a node's trainable arrays as floating-point numbers; absent ones are left out."""
    arrays = {}
    for name in dynamics.parameters:
        if getattr(node, name, None) is None:
            continue
        array = np.array(parameter(node, name))
        arrays[name] = array if array.dtype.kind == "f" else array.astype(np.float64)
    return arrays


def dtype_name(dtype: Any) -> str:
    """The name for a name or a NumPy, torch or JAX dtype. **Raises** `UnsupportedError`."""
    name = str(dtype).rpartition(".")[2] if not isinstance(dtype, type) else dtype.__name__
    if name not in DTYPES:
        raise UnsupportedError(f"dtype={dtype!r}; nirx runs in {' or '.join(DTYPES)}")
    return name
