"""The order of execution: of the components, and of the nodes inside each component."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from nirx.graphs.components import strongly_connected
from nirx.graphs.feedback import adjacency

__all__ = ["ordered_components"]

Edge = tuple[int, int]


def ordered_components(
    count: int, edges: Sequence[Edge], waits: Sequence[Edge]
) -> list[tuple[list[int], bool]]:
    """The components, and the nodes of each, in the order of execution.

    Arguments:
        count: number of nodes.
        edges: all edges, including late ones: the nodes of a cycle step together.
        waits: the edges whose target needs the source's value of the same step.

    Returns: per component its nodes, and whether it is cyclic. In a tie the smaller number is
    first.
    """
    component = strongly_connected(adjacency(count, edges))
    members: dict[int, list[int]] = {}
    for node in range(count):
        members.setdefault(component[node], []).append(node)
    first = {c: nodes[0] for c, nodes in members.items()}
    between = [(first[component[a]], first[component[b]]) for a, b in edges]
    order = _topological(sorted(first.values()), [(a, b) for a, b in between if a != b])
    inner: dict[int, list[Edge]] = {}
    for a, b in waits:
        if component[a] == component[b]:
            inner.setdefault(component[a], []).append((a, b))
    loops = {component[a] for a, b in edges if component[a] == component[b]}
    ordered = (component[node] for node in order)
    return [(_topological(members[c], inner.get(c, [])), c in loops) for c in ordered]


def _topological(nodes: Sequence[int], edges: Sequence[Edge]) -> list[int]:
    """Kahn's algorithm with a heap: of the nodes that are ready, the smallest number first."""
    successors: dict[int, list[int]] = {}
    open_edges = dict.fromkeys(nodes, 0)
    for a, b in edges:
        successors.setdefault(a, []).append(b)
        open_edges[b] += 1
    ready = [n for n in nodes if not open_edges[n]]
    heapq.heapify(ready)
    order = []
    while ready:
        node = heapq.heappop(ready)
        order.append(node)
        for target in successors.get(node, ()):
            open_edges[target] -= 1
            if not open_edges[target]:
                heapq.heappush(ready, target)
    assert len(order) == len(nodes), "a cycle remains although check and feedback broke them all"
    return order
