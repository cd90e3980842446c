"""Edges that name no node: a subgraph that a tool flattened, or a node that it renamed.

nirtorch and others inline a subgraph "lif1" as nodes "lif1.input", "lif1.lif", ... beside the other
nodes, and leave edges that still name "lif1".
"""

from __future__ import annotations

from itertools import islice

import nir

from nirx.basics.printable import quoted
from nirx.graphs.ports import BadEnd, Ends
from nirx.graphs.unflattening import FlatParts, unflatten

__all__ = ["REPAIR", "mend_names", "misnaming", "only_misnamed"]

REPAIR = 'nirx.read(path, declared="repair"), nirx.repair(graph) or --repair'
"""How a user asks for a repair, for messages."""

SHOWN = 3


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
    for owner, members in unflatten(graph):
        done.append((owner, f"a subgraph again; it was flattened into {_listed(members)}"))
    found = only_misnamed(graph)
    if found is not None:
        old, new = found
        graph.edges = [(new if a == old else a, new if b == old else b) for a, b in graph.edges]
        done.append((new, f"edges that named {old!r}, which does not exist, name it now"))
    return done
