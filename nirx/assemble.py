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
from nirx.errors import Fault, GraphError, InputError, UnsupportedError
from nirx.metadata import resolve_discretization
from nirx.node_map import find_builder
from nirx.reading import read
from nirx.schedule import Schedule, build_schedule

__all__ = ["Assembly", "assemble", "dtype_name", "load", "native_arrays"]

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Assembly:
    """A schedule and, for each position, a copy of the graph's node.

    `custom` holds the modules that a node map made, by position; nirx runs the others.
    """

    schedule: Schedule
    nodes: list[Any]
    custom: dict[int, Any]


def assemble(
    graph_or_path: Any,
    discretization: Discretization | None,
    node_map: Mapping[type, Any] | None,
    dtype: str,
    default_map: Mapping[type, Any] | None = None,
    native: Any = None,
) -> Assembly:
    """Everything about a network that does not depend on the backend.

    Arguments:
        node_map: the user's; its entries win.
        dtype: of the run; every parameter has to fit into it.
        default_map: the adapter's own NODE_MAP.
        native: the builder in either map that stands for nirx's own dynamics.

    **Raises**: `GraphError`, `FileError`, `InputError`.
    """
    graph = load(graph_or_path)
    if node_map is not None and not _is_node_map(node_map):
        raise InputError(f"node_map is {node_map!r:.80}; expected {{NIR type: builder}}")
    chosen = resolve_discretization(graph, discretization)

    def custom_builder(node_type: type) -> Any:
        builder = find_builder(node_map, node_type) or find_builder(default_map, node_type)
        return None if builder is native else builder

    schedule, nodes = build_schedule(graph, chosen, lambda t: custom_builder(t) is not None)
    _require_representable(schedule, nodes, dtype)
    nodes = [copy.deepcopy(node) for node in nodes]  # a builder may keep the arrays it is given
    custom = {}
    for position, node in enumerate(nodes):
        builder = custom_builder(type(node))
        if builder is not None:
            custom[position] = module = builder(node)
            if isinstance(native, type) and isinstance(module, native):
                raise InputError(
                    f"{schedule.nodes[position].name!r}: the builder in node_map gave a "
                    f"{native.__name__}; map the type to {native.__name__} itself"
                )
    return Assembly(schedule, nodes, custom)


def _require_representable(schedule: Schedule, nodes: list[Any], dtype: str) -> None:
    """Refuse what is finite and positive in the graph, but infinite or 0 in the run's dtype."""
    limits = np.finfo(dtype)
    faults = []
    for place, node in zip(schedule.nodes, nodes, strict=True):
        if place.dynamics is None:
            continue
        for name, array in native_arrays(type(place.dynamics), node).items():
            largest = float(np.abs(array).max(initial=0.0))
            small = name in place.dynamics.positive and array.size and array.min() < limits.tiny
            if largest > limits.max or small:
                value = float(array.min()) if small else largest
                fault = Fault(place.name, f"{name} is {value!r}", f"numbers that {dtype} can hold")
                faults.append(fault)
    if faults:
        raise GraphError(faults)


def _is_node_map(node_map: Any) -> bool:
    return isinstance(node_map, Mapping) and all(
        isinstance(t, type) and callable(b) for t, b in node_map.items()
    )


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
        array = parameter(node, name)
        narrow = array.dtype.kind == "f" and array.dtype.itemsize <= 4
        arrays[name] = array.astype(np.float32 if narrow else np.float64)  # native byte order
    return arrays


def dtype_name(dtype: Any) -> str:
    """The name for a name or a NumPy, torch or JAX dtype. **Raises** `UnsupportedError`."""
    name = str(dtype).rpartition(".")[2] if not isinstance(dtype, type) else dtype.__name__
    if name not in DTYPES:
        raise UnsupportedError(f"dtype={dtype!r}; nirx runs in {' or '.join(DTYPES)}")
    return name
