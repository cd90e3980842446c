"""Edges that name no node: a subgraph that a tool flattened, or a node that it renamed.

nirtorch and others inline a subgraph "lif1" as nodes "lif1.input", "lif1.lif", ... beside the other
nodes, and leave edges that still name "lif1".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import nir

from nirx.basics.printable import quoted
from nirx.graphs.ports import BadEnd, Ends

__all__ = ["REPAIR", "FlatParts", "mend_names", "misnaming", "only_misnamed"]

REPAIR = 'nirx.read(path, declared="repair"), nirx.repair(graph) or --repair'
"""How a user asks for a repair, for messages."""

SHOWN = 3


class FlatParts:
    """Nodes of a graph by the part of their names before a dot.

    Arguments:
        nodes: of the graph.
    """

    def __init__(self, nodes: Mapping[Any, Any]):
        self._names = sorted(name for name in nodes if isinstance(name, str))

    def of(self, owner: str) -> Iterator[str]:
        """Names that begin with the owner's name and a dot, in order."""
        prefix = f"{owner}."
        for place in range(bisect_left(self._names, prefix), len(self._names)):
            if not self._names[place].startswith(prefix):
                break
            yield self._names[place]


def misnaming(parts: FlatParts, name: str, lone: str | None) -> str:
    """Why an edge names no node and what to do, if that can be told, else an empty text.

    Arguments:
        name: the end of an edge.
        lone: what `only_misnamed` found to be meant, or None.
    """
    members = list(islice(parts.of(name), SHOWN + 1))
    if members:
        parts_of = f"a subgraph that was flattened into {_listed(members)}"
        return f"{quoted(name)} is {parts_of}; {REPAIR} mends it"
    if lone is None:
        return ""
    return f"did you mean {quoted(lone)}? No edge names it; {REPAIR} mends it"


def _listed(names: list[str]) -> str:
    return ", ".join(map(quoted, names[:SHOWN])) + (", ..." if len(names) > SHOWN else "")


def only_misnamed(graph: nir.NIRGraph) -> tuple[str, str] | None:
    """The only end of edges that names nothing, and the only node that no edge names, or None."""
    missing: dict[str, None] = {}
    named: set[str] = set()
    ends = Ends(graph.nodes)
    for edge in graph.edges:
        for end, port in zip(edge, (nir.Output, nir.Input), strict=True):
            try:
                named.add(ends.resolve(end, port)[0])
            except BadEnd as bad:
                if not bad.missing:
                    return None
                missing[end] = None
    lone = [name for name in graph.nodes if name not in named]
    if len(missing) != 1 or len(lone) != 1:
        return None
    return (next(iter(missing)), lone[0]) if _fits(graph, next(iter(missing)), lone[0]) else None


def _fits(graph: nir.NIRGraph, missing: str, lone: str) -> bool:
    """Whether a node can have the edges of a name: an Input has none in, an Output none out."""
    node = graph.nodes[lone]
    sources = any(a == missing for a, _ in graph.edges)
    targets = any(b == missing for _, b in graph.edges)
    if isinstance(node, nir.Input):
        return not targets
    return not sources if isinstance(node, nir.Output) else targets


def mend_names(graph: nir.NIRGraph) -> list[tuple[str, str]]:
    """Let every edge of a graph name a node, as far as that is certain; the graph is changed.

    Nodes of a flattened subgraph become a subgraph again, so that edges into it reach its Input and
    edges out of it leave its Output.

    Returns: names of nodes, and what was done.
    """
    done = []
    for owner in _flattened_owners(graph):
        members = list(FlatParts(graph.nodes).of(owner))
        if _nest(graph, owner, members):
            done.append((owner, f"a subgraph again; it was flattened into {_listed(members)}"))
    found = only_misnamed(graph)
    if found is not None:
        old, new = found
        graph.edges = [(new if a == old else a, new if b == old else b) for a, b in graph.edges]
        done.append((new, f"edges that named {old!r}, which does not exist, name it now"))
    return done


def _flattened_owners(graph: nir.NIRGraph) -> list[str]:
    """Names of subgraphs whose nodes stand beside the others, the innermost first."""
    owners: dict[str, None] = {}
    parts = FlatParts(graph.nodes)
    for a, b in graph.edges:
        for end, port in ((a, nir.Output), (b, nir.Input)):
            node = graph.nodes.get(end)
            owner = end.rpartition(".")[0]
            if isinstance(node, port) and owner and owner not in graph.nodes:
                owners[owner] = None
            elif node is None and end not in owners and any(parts.of(end)):
                owners[end] = None
    return sorted(owners, key=lambda name: (-name.count("."), name))


def _nest(graph: nir.NIRGraph, owner: str, members: list[str]) -> bool:
    """Turn nodes "owner.x" into a subgraph "owner".

    Returns: False if that is not certain; the graph is then not changed.
    """
    if owner in graph.nodes or not members:
        return False
    inside = set(members)
    cut = len(owner) + 1
    ports = {
        kind: [name for name in members if isinstance(graph.nodes[name], kind)]
        for kind in (nir.Input, nir.Output)
    }
    inner, outer = [], []
    for a, b in graph.edges:
        if a in inside and b in inside:
            inner.append((a[cut:], b[cut:]))
            continue
        ends = []
        for end, kind in ((a, nir.Output), (b, nir.Input)):
            if end in inside and end not in ports[kind]:
                return False  # an edge past the ports
            if (end in inside or end == owner) and not ports[kind]:
                return False
            if end == owner and len(ports[kind]) > 1:
                return False
            ends.append(owner if end in inside and len(ports[kind]) == 1 else end)
        outer.append((ends[0], ends[1]))
    below = nir.NIRGraph({}, inner, type_check=False)
    below.metadata = {}
    below.nodes = {name[cut:]: graph.nodes[name] for name in members}
    graph.nodes = {name: node for name, node in graph.nodes.items() if name not in inside}
    graph.nodes[owner] = below
    graph.edges = outer
    return True
