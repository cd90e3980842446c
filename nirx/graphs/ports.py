"""The ends of edges: a node, a subgraph with one port, or a port ("sub.in2")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

import nir
import numpy as np

from nirx.basics.name_list import MOST_NAMES, name_list
from nirx.basics.paths import Path
from nirx.basics.printable import quoted
from nirx.errors import MOST_LETTERS, did_you_mean

__all__ = ["BadEnd", "Ends", "declare_ports", "declared_side", "edges_of", "ends_of", "port_names"]


class BadEnd(Exception):
    """An end of an edge names nothing, or more than one thing.

    Arguments:
        found: what is wrong.
        mend: a suggested fix; empty if there is no such node (see `Ends.suggestion`).
        missing: whether there is no such node.
    """

    def __init__(self, found: str, mend: str = "", missing: bool = False):
        super().__init__(found)
        self.found, self.mend, self.missing = found, mend, missing


def edges_of(graph: nir.NIRGraph) -> list[Any] | None:
    """The edges of a graph; None for what is no collection of edges.

    An iterator is none: it would be empty when it is read again.
    """
    edges = graph.edges
    if isinstance(edges, np.ndarray):
        return list(edges) if edges.ndim else None
    return list(edges) if isinstance(edges, list | tuple | Set) else None


def ends_of(edge: Any) -> tuple[str, str] | None:
    """The two names of an edge; None for what is not a pair of names, in an order."""
    if isinstance(edge, np.ndarray):
        edge = edge.tolist()
    if not isinstance(edge, list | tuple) or len(edge) != 2:
        return None
    source, target = edge
    return (source, target) if isinstance(source, str) and isinstance(target, str) else None


class Ends:
    """Tells what the ends of a graph's edges name. The size of the graph does not matter.

    Arguments:
        nodes: the graph's nodes, which must not change as long as this is used.
    """

    def __init__(self, nodes: Mapping[Any, Any]):
        self._nodes = nodes
        self._graphs = {
            k: n for k, n in nodes.items() if isinstance(k, str) and isinstance(n, nir.NIRGraph)
        }
        self._lengths = frozenset(map(len, self._graphs))
        self._ports: dict[tuple[str, type], list[str]] = {}

    def resolve(self, name: str, port: type) -> Path:
        """The node that an end of an edge names, as a path inside the graph with the edge.

        Arguments:
            name: the end as written in the edge.
            port: `nir.Output` for the source of the edge, `nir.Input` for its target.

        **Raises**: `BadEnd`.
        """
        if name in self._graphs:
            return name, self._single_port(name, port)
        if name in self._nodes:
            return (name,)
        found = list(self._splits(name, port))
        if len(found) == 1:
            return found[0]
        if found:
            listed = [f"port {quoted(p)} of subgraph {quoted(s)}" for s, p in found]
            raise BadEnd(f"{quoted(name)} may mean {name_list(listed)}", "rename one of them")
        raise BadEnd(f"no node {quoted(name)}", missing=True)

    def ports(self, name: str, port: type) -> list[str]:
        """The Inputs (or Outputs) of a subgraph, sorted."""
        if (name, port) not in self._ports:
            self._ports[name, port] = sorted(port_names(self._graphs[name], port))
        return self._ports[name, port]

    def suggestion(self, name: str, port: type) -> str:
        """What an end that names nothing may have meant. It takes time linear in the graph."""
        known = [k for k in self._nodes if isinstance(k, str)]
        for owner in self._graphs:
            if len(owner) <= MOST_LETTERS:
                known += [f"{owner}.{own}" for own in self.ports(owner, port)]
        return did_you_mean(name, known)

    def _single_port(self, name: str, port: type) -> str:
        ports, kind = self.ports(name, port), port.__name__
        if len(ports) == 1:
            return ports[0]
        if not ports:
            raise BadEnd(f"subgraph {quoted(name)} has no {kind}", f"add a nir.{kind} inside it")
        listed = ", ".join(quoted(f"{name}.{p}") for p in ports[:MOST_NAMES])
        more = ", ..." if len(ports) > MOST_NAMES else ""
        raise BadEnd(
            f"subgraph {quoted(name)} has {len(ports):,} {kind}s", f"name one of {listed}{more}"
        )

    def _splits(self, name: str, port: type) -> Iterator[tuple[str, str]]:
        """The ways to read a name as a subgraph, a dot and one of its ports."""
        cut = name.find(".") if self._lengths else -1
        while cut >= 0:
            if cut in self._lengths and name[:cut] in self._graphs:
                owner, inner = name[:cut], name[cut + 1 :]
                if isinstance(self._graphs[owner].nodes.get(inner), port):
                    yield owner, inner
            cut = name.find(".", cut + 1)


def declare_ports(graph: nir.NIRGraph) -> None:
    """Let a graph declare the shapes of its own Inputs and Outputs, as nir's constructor does.

    A port that declares none, which nir does not expect, has the shape None.
    """
    kinds = ((nir.Input, "input"), (nir.Output, "output"))
    graph.input_type, graph.output_type = (
        {name: declared_side(graph.nodes[name], side) for name in port_names(graph, kind)}
        for kind, side in kinds
    )
    if not graph.input_type:
        graph.input_type = None  # pyright: ignore[reportAttributeAccessIssue] # as nir does


def declared_side(node: Any, side: str) -> Any:
    """What a node declares as its "input" or "output"; None for nothing."""
    found = getattr(node, f"{side}_type", None)
    return found.get(side) if isinstance(found, Mapping) else None


def port_names(graph: nir.NIRGraph, port: type) -> list[str]:
    """The Inputs (or Outputs) of a graph, in its own order."""
    if not isinstance(graph.nodes, Mapping):
        return []
    return [k for k, n in graph.nodes.items() if isinstance(k, str) and isinstance(n, port)]
