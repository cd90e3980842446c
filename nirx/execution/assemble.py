"""What every backend's `from_nir` does first: load the graph, choose, schedule, copy."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import format_path
from nirx.basics.type_map import ABSENT, find_handler, require_type_map
from nirx.dynamics.base import Dynamics
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.parameters import parameter
from nirx.errors import (
    Fault,
    GraphError,
    InputError,
    UnsupportedError,
)
from nirx.execution.refusal import NotRepresentable
from nirx.execution.shared_modules import shared_modules
from nirx.execution.whole_numbers import require_whole
from nirx.files.reading import read
from nirx.graphs.flatten import Claim, Unreadable, walk_graphs
from nirx.graphs.metadata import resolve_discretization
from nirx.graphs.origin import Origin, node_at, rebuild_graph
from nirx.graphs.returns import Returns, returned_probes, stored_returns
from nirx.graphs.schedule import Schedule, build_schedule
from nirx.graphs.wrapping import wrapped

__all__ = [
    "LOW_PRECISION",
    "NODE_FORM",
    "Assembly",
    "assemble",
    "call_builder",
    "dtype_name",
    "floating",
    "load",
    "native_arrays",
    "no_entry",
    "run_dtype",
]

NODE_FORM = "NIR type: builder, or None to bypass it"

DTYPES = ("float32", "float64")
LOW_PRECISION = ("bfloat16", "float16")
"""Dtypes that some backends have as well, in fast mode."""


@dataclass(frozen=True)
class Assembly:
    """A schedule and, for each position, the node of a copy of the graph.

    Arguments:
        origin: the copy, with the discretization resolved; modules read it and never change it.
        nodes: its nodes, in the order of the schedule; those of `custom` are further copies.
        custom: the modules that a node map made, by position.
        native: the module class for each node that nirx runs, by position.
        shared: for a node that shares a module, the position of the first such node.
    """

    schedule: Schedule
    origin: Origin
    nodes: list[Any]
    custom: dict[int, Any]
    native: dict[int, Any]
    shared: dict[int, int]
    dtype: str
    """Of the run: integers are computed in float64."""

    @property
    def in_integers(self) -> bool:
        """Whether the network computes in the integers of a chip."""
        return self.schedule.discretization.in_integers

    @property
    def returns(self) -> Returns | None:
        """What networks return instead of the Outputs, if the graph says so."""
        return stored_returns(self.origin.node)

    @property
    def is_foreign(self) -> bool:
        """Whether modules of a node map do all the arithmetic and hold all the state."""
        places = [self.schedule.nodes[p].dynamics for p in self.native]
        return not any(d is None or d.parameters or d.state_shapes() for d in places)


def assemble(
    graph_or_path: Any,
    discretization: Discretization | None,
    node_map: Mapping[type, Any] | None,
    dtype: str,
    default_map: Mapping[type, Any] | None = None,
    native: Any = None,
    identity: Any = None,
    strict: bool = False,
) -> Assembly:
    """Everything about a network that does not depend on the backend.

    Arguments:
        node_map: the user's; its entries win. An entry of None bypasses its nodes.
        dtype: of the run; every parameter has to fit into it.
        default_map: the adapter's own NODE_MAP, or the map that the caller passed instead.
        native: the module class that stands for nirx's own dynamics in either map.
        identity: builds the module of a bypassed node.
        strict: refuse types that neither map has, though nirx knows them.

    **Raises**: `GraphError`, `FileError`, `InputError`.
    """
    graph = load(graph_or_path)
    require_type_map(node_map, "node_map", NODE_FORM)
    require_type_map(default_map, "default_map", NODE_FORM)

    def is_native(found: Any) -> bool:
        return isinstance(found, type) and native is not None and issubclass(found, native)

    def claim(node_type: type) -> Claim | None:
        found = find_handler(node_type, node_map, default_map)
        if found is None:
            return "bypass"
        return None if found is ABSENT or is_native(found) else "module"

    def blind(node_type: type) -> Claim | None:
        found = find_handler(node_type, node_map, default_map)
        return None if "rule" in _asked(found) else claim(node_type)

    if strict:
        _require_entries(graph, node_map, default_map)
    chosen = resolve_discretization(graph, discretization, blind)
    schedule, nodes = build_schedule(graph, chosen, claim)
    dtype = run_dtype(chosen, dtype)
    most = _require_representable(schedule, nodes, dtype)
    if most is not None:
        schedule = replace(schedule, largest_input=most)
    own = rebuild_graph(graph, {})
    nodes = [node_at(own, place.path) for place in schedule.nodes]
    shared = shared_modules(schedule, nodes)
    returned_probes(schedule, stored_returns(own))  # raises where it names nothing
    result = Assembly(schedule, Origin(own), nodes, {}, {}, shared, dtype)
    for position, node in enumerate(nodes):
        if position in shared:
            continue
        found = find_handler(type(node), node_map, default_map)
        if found is None:
            result.custom[position] = identity()
        elif found is ABSENT or is_native(found):
            result.native[position] = native if found is ABSENT else found
        else:
            nodes[position] = copy.deepcopy(node)  # a builder may keep the arrays it is given
            place = schedule.nodes[position]
            rule = chosen.at(place.path)
            module = call_builder(found, nodes[position], rule, dtype, place.name)
            result.custom[position] = module
            if is_native(type(module)):
                raise InputError(
                    f"{place.name!r}: the builder in node_map returned a "
                    f"{type(module).__name__}; map the type to {type(module).__name__} itself"
                )
    return result


def call_builder(builder: Any, node: Any, rule: Discretization, dtype: str, where: str) -> Any:
    """Call a builder of a node map.

    Arguments:
        builder: is called with the node, and with the keywords `rule` (the node's own
            discretization) and `dtype` (of the run) if it has arguments of these names.
        where: the node's path.

    **Raises**: `NotRepresentable` with the path, and whatever the builder raises.
    """
    names = _asked(builder)
    options = {k: v for k, v in (("rule", rule), ("dtype", dtype)) if k in names}
    try:
        return builder(node, **options)
    except NotRepresentable as error:
        raise error.at(where) from error


def _asked(builder: Any) -> Mapping[str, Any]:
    """The names of a builder's arguments."""
    try:
        return inspect.signature(builder).parameters if callable(builder) else {}
    except (TypeError, ValueError):
        return {}


def _require_entries(graph: nir.NIRGraph, *maps: Mapping[type, Any] | None) -> None:
    """Refuse nodes whose type is in neither map. Ports and graphs need no entry."""
    faults = []
    whole = find_handler(nir.NIRGraph, *maps) is not ABSENT
    for path, current, _ in walk_graphs(graph, enter=not whole):
        nodes = current.nodes if isinstance(current.nodes, Mapping) else {}
        for name, node in nodes.items():
            kind = type(node)
            if isinstance(node, nir.Input | nir.Output | nir.NIRGraph | Unreadable):
                continue
            if find_handler(kind, *maps) is ABSENT:
                faults.append(no_entry(format_path((*path, str(name))), kind))
    if faults:
        raise GraphError(faults)


def no_entry(where: str, node_type: type) -> Fault:
    """The fault of a node whose type is in neither map."""
    name = node_type.__name__
    found = f"neither node_map nor default_map has an entry for {name}"
    return Fault(where, found, mend=f"add one: {{nir.{name}: ...}}")


def _require_representable(schedule: Schedule, nodes: list[Any], dtype: str) -> int | None:
    """Refuse parameters that become infinite, or 0 where they must be positive, in the dtype, and
    those of integers that are not whole.

    Returns: the largest input of a network in integers.
    """
    limits = np.finfo("float32" if dtype == "bfloat16" else dtype)  # both have the same range
    places = schedule.nodes
    parameters = [
        native_arrays(type(place.dynamics), node) if place.dynamics else {}
        for place, node in zip(places, nodes, strict=True)
    ]
    faults = []
    for place, arrays in zip(places, parameters, strict=True):
        for name, array in arrays.items():
            assert place.dynamics is not None, "it has parameters"
            largest = float(np.abs(array).max(initial=0.0))
            small = name in place.dynamics.positive and array.size and array.min() < limits.tiny
            if largest > float(limits.max) or small:
                value = float(array.min()) if small else largest
                fault = Fault(place.name, f"{name} is {value!r}", f"numbers that {dtype} can hold")
                faults.append(fault)
    if faults:
        raise GraphError(faults)
    return require_whole(schedule, parameters)


def load(graph_or_path: Any) -> nir.NIRGraph:
    """The graph itself, the one in the file of that path, or one around a lone node."""
    is_path = isinstance(graph_or_path, str | os.PathLike)
    graph = read(graph_or_path) if is_path else wrapped(graph_or_path)
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"expected a nir.NIRGraph or a path, got a {type(graph).__name__}")
    return graph


def native_arrays(dynamics: type[Dynamics], node: Any) -> dict[str, np.ndarray]:
    """Copies of a node's trainable arrays as floating-point numbers, without absent ones."""
    names = [n for n in dynamics.parameter_names(node) if getattr(node, n, None) is not None]
    return {name: floating(parameter(node, name)) for name in names}


def floating(array: np.ndarray) -> np.ndarray:
    """A copy as float32 if it is a float no wider than that, else as float64."""
    narrow = array.dtype.kind == "f" and array.dtype.itemsize <= 4
    return array.astype(np.float32 if narrow else np.float64)  # native byte order


def run_dtype(discretization: Discretization | None, dtype: str) -> str:
    """The dtype in which a network computes: float64 where it computes in integers."""
    return "float64" if discretization is not None and discretization.in_integers else dtype


def dtype_name(dtype: Any, more: tuple[str, ...] = ()) -> str:
    """The name for a name or a NumPy, torch or JAX dtype. **Raises** `UnsupportedError`.

    Arguments:
        more: dtypes that the backend has in addition to float32 and float64.
    """
    name = str(dtype).rpartition(".")[2] if not isinstance(dtype, type) else dtype.__name__
    if name not in (*DTYPES, *more):
        raise UnsupportedError(f"dtype={dtype!r}; nirx runs in {' or '.join((*DTYPES, *more))}")
    return name
