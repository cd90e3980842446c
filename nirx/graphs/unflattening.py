"""Subgraphs that a tool flattened: nodes "lif1.input", "lif1.lif", ... become the subgraph "lif1".

Every step looks only at the nodes of one subgraph and their edges, so that a graph of thousands of
flattened subgraphs takes no more time than its size asks for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any

import nir

__all__ = ["FlatParts", "unflatten"]


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


def unflatten(graph: nir.NIRGraph) -> list[tuple[str, list[str]]]:
    """Turn nodes "owner.x" into a subgraph "owner", where that is certain; the graph is changed.

    Returns: per new subgraph its name and the former names of its nodes.
    """
    owners = _owners(graph)
    if not owners:
        return []
    work = _Unflattening(graph, owners)
    done = [(owner, members) for owner in owners if (members := work.nest(owner))]
    graph.edges = [work.edges[number] for number in sorted(work.edges)]
    return done


def _owners(graph: nir.NIRGraph) -> list[str]:
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


class _Unflattening:
    """The graph with its edges by number, and for each owner and each end what belongs to it."""

    def __init__(self, graph: nir.NIRGraph, owners: list[str]):
        self.nodes: dict[Any, Any] = graph.nodes
        self.edges = dict(enumerate(graph.edges))
        self.touching: dict[str, list[int]] = {}
        for number, edge in self.edges.items():
            for end in edge:
                self.touching.setdefault(end, []).append(number)
        self.lengths = frozenset(map(len, owners))
        self.members: dict[str, dict[str, None]] = {owner: {} for owner in owners}
        for name in self.nodes:
            for owner in self._owners_of(name):
                self.members[owner][name] = None

    def _owners_of(self, name: str) -> list[str]:
        cuts = (place for place, letter in enumerate(name) if letter == ".")
        return [name[:cut] for cut in cuts if cut in self.lengths and name[:cut] in self.members]

    def nest(self, owner: str) -> list[str]:
        """Make one subgraph.

        Returns: its nodes, sorted; none if that is not certain, and the graph is then not changed.
        """
        members, cut = sorted(self.members[owner]), len(owner) + 1
        split = None if owner in self.nodes or not members else self._split(owner)
        if split is None:
            return []
        inner, outer = split
        below = nir.NIRGraph({}, [], type_check=False)
        below.metadata = {}
        below.edges = [(a[cut:], b[cut:]) for a, b in map(self.edges.pop, inner)]
        below.nodes = {name[cut:]: self.nodes.pop(name) for name in members}
        self.nodes[owner] = below
        self.edges |= outer
        self.touching.setdefault(owner, []).extend(outer)
        for above in self._owners_of(owner):
            for name in members:
                self.members[above].pop(name, None)
            self.members[above][owner] = None
        return members

    def _split(self, owner: str) -> tuple[list[int], dict[int, tuple[str, str]]] | None:
        """The edges inside a subgraph, and those into and out of it with their new ends.

        Returns: None if one of them is not certain.
        """
        inside = self.members[owner]
        ports = {
            kind: [name for name in inside if isinstance(self.nodes[name], kind)]
            for kind in (nir.Input, nir.Output)
        }
        inner, outer = [], {}
        numbers = {n for name in (owner, *inside) for n in self.touching.get(name, ())}
        for number in sorted(numbers & self.edges.keys()):
            a, b = self.edges[number]
            if a in inside and b in inside:
                inner.append(number)
                continue
            ends = []
            for end, kind in ((a, nir.Output), (b, nir.Input)):
                own = end in inside or end == owner
                if end in inside and not isinstance(self.nodes[end], kind):
                    return None  # an edge past the ports
                if (own and not ports[kind]) or (end == owner and len(ports[kind]) > 1):
                    return None
                ends.append(owner if own and len(ports[kind]) == 1 else end)
            outer[number] = (ends[0], ends[1])
        return inner, outer
