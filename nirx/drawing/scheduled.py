"""Whatever has a network in it, as a schedule and the nodes with their parameters."""

from __future__ import annotations

import warnings
from typing import Any

from nirx.bridging.movable import graph_of
from nirx.dynamics.discretization import Discretization
from nirx.errors import NirxError, NirxWarning
from nirx.execution.network import Network
from nirx.graphs.metadata import resolve_discretization
from nirx.graphs.origin import node_at
from nirx.graphs.schedule import Schedule, build_schedule

__all__ = ["scheduled"]


def scheduled(
    graph: Any, discretization: Discretization | None = None
) -> tuple[Schedule, list[Any]]:
    """The schedule, and the node at each of its positions.

    Arguments:
        graph: a `nir.NIRGraph`, a path, a network of `from_nir`, a `Schedule`, or a model of a
            library that nirx has a bridge for.
        discretization: of a graph or a model; None takes its own.

    Returns: both; no nodes for what knows none, such as a `Schedule`.

    **Raises**: `GraphError`, `FileError`, `InputError`, `UnsupportedError`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)  # nothing runs
        if isinstance(graph, Schedule):
            return graph, []
        if isinstance(graph, Network):
            return graph.schedule, _nodes_of(graph)
        own = graph_of(graph)
        return build_schedule(own, resolve_discretization(own, discretization))


def _nodes_of(net: Any) -> list[Any]:
    """The nodes of a network with its present parameters."""
    origin = getattr(net, "origin", None)
    if origin is None:  # a network of someone else's backend
        return []
    try:
        graph = graph_of(net)
    except NirxError:  # nothing trains on NumPy; modules of a node map may have no form in NIR
        graph = origin.node
    return [node_at(graph, place.path) for place in net.schedule.nodes]
