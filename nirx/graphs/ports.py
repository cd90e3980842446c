"""The ends of edges: a node, a subgraph with one port, or a port ("sub.in2")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nir

from nirx.basics.paths import Path
from nirx.errors import did_you_mean

__all__ = ["BadEnd", "resolve_end"]


class BadEnd(Exception):
    """An end of an edge names nothing, or more than one thing.

    Arguments:
        found: what is wrong.
        mend: a suggested fix.
        missing: whether there is no such node.
    """

    def __init__(self, found: str, mend: str, missing: bool = False):
        super().__init__(found)
        self.found, self.mend, self.missing = found, mend, missing


def resolve_end(nodes: Mapping[str, Any], name: str, port: type) -> Path:
    """The node that an end of an edge names, as a path inside the graph with the edge.

    Arguments:
        nodes: the graph's nodes.
        name: the end as written in the edge.
        port: `nir.Output` for the source of the edge, `nir.Input` for its target.

    **Raises**: `BadEnd`.
    """
    if name in nodes:
        node = nodes[name]
        if not isinstance(node, nir.NIRGraph):
            return (name,)
        ports = _ports(node, port)
        if len(ports) == 1:
            return name, ports[0]
        kind = port.__name__
        if not ports:
            raise BadEnd(f"subgraph {name!r} has no {kind}", f"add a nir.{kind} inside it")
        listed = ", ".join(repr(f"{name}.{p}") for p in ports)
        raise BadEnd(f"subgraph {name!r} has {len(ports)} {kind}s", f"name one of {listed}")
    found = []
    for cut in (i for i, letter in enumerate(name) if letter == "."):
        owner, inner = name[:cut], name[cut + 1 :]
        node = nodes.get(owner)
        if isinstance(node, nir.NIRGraph) and isinstance(node.nodes.get(inner), port):
            found.append((owner, inner))
    if len(found) == 1:
        return found[0]
    if found:
        listed = " or ".join(f"port {p!r} of subgraph {s!r}" for s, p in found)
        raise BadEnd(f"{name!r} may mean {listed}", "rename one of them")
    graphs = [(k, n) for k, n in nodes.items() if isinstance(n, nir.NIRGraph)]
    known = [*nodes, *(f"{k}.{p}" for k, n in graphs for p in _ports(n, port))]
    raise BadEnd(f"no node {name!r}", did_you_mean(name, known), missing=True)


def _ports(graph: nir.NIRGraph, port: type) -> list[str]:
    return sorted(k for k, n in graph.nodes.items() if isinstance(k, str) and isinstance(n, port))
