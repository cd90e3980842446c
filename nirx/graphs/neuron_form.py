"""`nirx.Neuron` in a file: a form that plain nir opens and that says what is missing in it.

nir 1.0.8 knows no other types than its own. A Neuron is stored in the metadata of the outermost
graph; the edges name it, and the nodes lack it. `nir.read(path, type_check=False)` opens such a
file and loses nothing. With its type check on, nir and the libraries that read with it refuse the
node by its name; nobody can run the graph without it by mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nir

from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.parameters import NodeMismatch
from nirx.errors import Fault, GraphError

__all__ = ["NEURONS_KEY", "has_neurons", "move_neurons_out", "with_neurons"]

NEURONS_KEY = "nirx_neurons"
"""`metadata[NEURONS_KEY]` of a graph is the `Neuron.contents()` of each Neuron by its name."""

METADATA = "metadata"
"""Under this name, each entry has the Neuron's own metadata too."""


def has_neurons(graph: nir.NIRGraph) -> bool:
    """Whether a graph, not those below it, has a Neuron."""
    return any(isinstance(node, Neuron) for node in graph.nodes.values())


def move_neurons_out(graph: nir.NIRGraph) -> None:
    """Put the Neurons of a graph into its metadata; the graph is changed."""
    found = {name: node for name, node in graph.nodes.items() if isinstance(node, Neuron)}
    if not found:
        return
    graph.nodes = {name: node for name, node in graph.nodes.items() if name not in found}
    stored = {}
    for name, node in found.items():
        stored[name] = {**node.contents(), **({METADATA: node.metadata} if node.metadata else {})}
    graph.metadata = {**(graph.metadata or {}), NEURONS_KEY: stored}


def with_neurons(graph: nir.NIRGraph) -> nir.NIRGraph:
    """A graph whose metadata hold Neurons, with these as nodes; another graph as it is.

    **Raises**: `GraphError`.
    """
    metadata: Any = graph.metadata
    if not isinstance(metadata, dict) or NEURONS_KEY not in metadata:
        return graph
    stored = metadata[NEURONS_KEY]
    where = f"metadata {NEURONS_KEY!r}"
    if not isinstance(stored, Mapping) or not isinstance(graph.nodes, Mapping):
        raise GraphError([Fault(where, f"it is a {type(stored).__name__}", "a group of neurons")])
    nodes, faults = dict(graph.nodes), []
    for name, own in sorted(stored.items()):
        try:
            if name in nodes:
                raise NodeMismatch("the graph has a node of this name too", "one of them")
            nodes[name] = _neuron(own)
        except NodeMismatch as mismatch:
            faults.append(mismatch.fault(f"{where}: {name}"))
    if faults:
        raise GraphError(faults)
    new = nir.NIRGraph(nodes, list(graph.edges), type_check=False)
    new.metadata = {k: v for k, v in metadata.items() if k != NEURONS_KEY}
    return new


def _neuron(stored: Any) -> Neuron:
    """**Raises**: `NodeMismatch`."""
    if not isinstance(stored, Mapping):
        raise NodeMismatch(f"it is a {type(stored).__name__}", "a group")
    node = Neuron.from_contents({k: v for k, v in stored.items() if k != METADATA})
    metadata = stored.get(METADATA, {})
    if not isinstance(metadata, Mapping):
        raise NodeMismatch(f"its metadata is a {type(metadata).__name__}", "a group")
    node.metadata = dict(metadata)
    return node
