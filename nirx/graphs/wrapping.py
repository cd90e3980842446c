"""A graph for whatever stands for one: a lone node runs between an Input and an Output."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx.dynamics.node_types import find_type
from nirx.dynamics.parameters import NodeMismatch
from nirx.errors import Fault, GraphError
from nirx.graphs.metadata import DISCRETIZATION_KEY, RULE_KEY
from nirx.graphs.neuron_form import with_neurons

__all__ = ["wrapped"]


def wrapped(graph: Any) -> Any:
    """A lone NIR node between an Input and an Output; a graph with its `Neuron`s restored, if nir
    has read it; anything else as it is.

    Arguments:
        graph: a `nir.NIRGraph`, a `nir.NIRNode`, or anything else.

    Returns: a graph with the nodes "input", the node under its type in lower case, and "output".
    The rule of a node that an exporter made is the graph's discretization.

    **Raises**: `GraphError` for a node whose parameters are faulty or determine no shape.
    """
    if isinstance(graph, nir.NIRGraph):
        return with_neurons(graph)
    if not isinstance(graph, nir.NIRNode):
        return graph
    kind = type(graph).__name__
    entry = find_type(type(graph))
    takes = gives = None
    if entry is not None and entry.dynamics is not None:
        try:
            entry.dynamics.check(graph)
            takes, gives = entry.dynamics.declared_shapes(graph)
        except NodeMismatch as mismatch:
            raise GraphError([mismatch.fault("node")]) from mismatch
    if isinstance(graph, nir.Input | nir.Output):
        found = f"a single {kind}, which computes nothing"
        raise GraphError([Fault("node", found, "a graph, or a node with parameters")])
    if takes is None or gives is None:
        found = f"a single {kind}, whose parameters determine no shape"
        mend = "put it between a nir.Input and a nir.Output that declare its shape"
        raise GraphError([Fault("node", found, "a graph with an Input", mend)])
    name = kind.lower()
    nodes = {
        "input": nir.Input({"input": np.array(takes, np.int64)}),
        name: graph,
        "output": nir.Output({"output": np.array(gives, np.int64)}),
    }
    rule = (getattr(graph, "metadata", None) or {}).get(RULE_KEY)
    metadata = {} if rule is None else {DISCRETIZATION_KEY: rule}
    edges = [("input", name), (name, "output")]
    return nir.NIRGraph(nodes, edges, metadata=metadata, type_check=False)
