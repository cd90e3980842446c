"""What both adapters do on the way to NIR: call exporters, and copy what they return."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import nir
import numpy as np

from nirx.basics.find_exporter import find_exporter
from nirx.basics.foreign_arrays import to_numpy
from nirx.basics.paths import Path
from nirx.basics.type_map import ABSENT, require_type_map
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, UnsupportedError
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.metadata import DISCRETIZATION_KEY, require_discretization
from nirx.graphs.origin import Cast, Origin, node_at, rebuild_graph, rebuild_node
from nirx.graphs.rules import gather_rules, take_rules
from nirx.graphs.schedule import Schedule
from nirx.tracing.spike_pool import refuse_bare_pools

__all__ = ["MODULE_FORM", "call_exporter", "export", "finalize_export", "with_discretization"]

MODULE_FORM = "module type: exporter, or None to bypass it"


def call_exporter(exporter: Any, module: Any, where: str) -> Any:
    """What an exporter returns for a module, copied.

    Arguments:
        exporter: function from a module to a NIR node, a graph or None.
        module: its argument.
        where: the module's place, for errors.

    Returns: a node or a graph of NumPy arrays that share no memory with the module; or None.

    **Raises**: `InputError` if the exporter returns anything else.
    """
    try:
        node = exporter(module)
    except Exception as error:
        kind = type(module).__name__
        error.add_note(
            f"(raised by the exporter of {kind} for {where}; the parameters of a NIR node are "
            "arrays of one shape)"
        )
        raise
    if node is None:
        return None
    if not isinstance(node, nir.NIRNode):
        raise InputError(
            f"{where}: the exporter of {type(module).__name__} gave a {type(node).__name__}; "
            "expected a NIR node, a nir.NIRGraph or None"
        )
    if isinstance(node, nir.NIRGraph):
        nodes = {
            (*path, name): _owned(below)
            for path, graph, _ in walk_graphs(node)
            for name, below in graph.nodes.items()
            if not isinstance(below, nir.NIRGraph)
        }
        return rebuild_graph(node, nodes)
    return _owned(node)


def _owned(node: Any) -> Any:
    new = copy.copy(node)
    for name, value in vars(node).items():
        setattr(new, name, _array(value))
    return new


def _array(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _array(v) for k, v in value.items()}
    if hasattr(value, "__array__") and not isinstance(value, np.generic):
        return to_numpy(value)
    return copy.deepcopy(value)


def export(
    schedule: Schedule,
    origin: Origin,
    arrays: Mapping[int, Mapping[str, np.ndarray]],
    modules: Mapping[int, Any],
    cast: Cast,
    module_map: Mapping[type, Any] | None,
    default_map: Mapping[type, Any],
    has_parameters: Callable[[Any], bool],
) -> nir.NIRGraph:
    """The graph that a network was built from, with the network's current parameters.

    Arguments:
        schedule, origin: of the network.
        arrays: of the nodes that nirx runs, by position.
        modules: the modules built by a node map, by position; those with parameters need an
            exporter. A module that is exported as None keeps its node.
        cast: how the graph's arrays were converted when the network was built.
        module_map, default_map: {module type: exporter}; the first entry wins.
        has_parameters: whether a module has any.

    **Raises**: `UnsupportedError` for a module with parameters that no map has.
    """
    require_type_map(module_map, "module_map", MODULE_FORM)
    nodes: dict[Path, Any] = {}
    for position, own in arrays.items():
        if own:
            path = schedule.nodes[position].path
            nodes[path] = rebuild_node(node_at(origin.node, path), own, cast)
    for position, module in modules.items():
        place = schedule.nodes[position]
        exporter = find_exporter(type(module), module_map, default_map)
        if exporter is ABSENT:
            if not has_parameters(module):
                continue  # nothing in it can have changed
            kind = type(module).__name__
            raise UnsupportedError(
                f"{place.name!r}: no exporter for its module ({kind}), which has parameters; "
                f"pass module_map={{{kind}: function from the module to a NIR node}}"
            )
        new = None if exporter is None else call_exporter(exporter, module, repr(place.name))
        if new is not None:
            old = node_at(origin.node, place.path)
            take_rules({place.path[-1]: new})  # the schedule says how it steps
            new.metadata = new.metadata or copy.deepcopy(old.metadata)
            nodes[place.path] = new
    return with_discretization(rebuild_graph(origin.node, nodes), schedule.discretization)


def finalize_export(node: Any, discretization: Discretization | None) -> Any:
    """The result for a model that is a mapped module itself.

    Arguments:
        node: what its exporter returned; a graph gets the discretization as a hint.
        discretization: None takes what exporters said of their modules.

    **Raises**: `UnsupportedError` for max pooling of an unknown input.
    """
    chosen = require_discretization(discretization)
    if not isinstance(node, nir.NIRGraph):
        return node
    rules = take_rules(node.nodes)
    chosen = chosen or gather_rules(rules)
    refuse_bare_pools(node)
    return node if chosen is None else with_discretization(node, chosen)


def with_discretization(graph: nir.NIRGraph, d: Discretization) -> nir.NIRGraph:
    """The same graph, with the discretization as a hint in its metadata."""
    graph.metadata = {**(graph.metadata or {}), DISCRETIZATION_KEY: d.to_json()}
    return graph
