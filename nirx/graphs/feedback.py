"""The feedback rule: which edges carry the value of the previous step.

It depends on the graph's structure only, not on names or on the order of nodes and edges.
docs/semantics.md states the rule in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nirx.graphs.components import dominator_tree, strongly_connected

__all__ = ["adjacency", "algebraic_loops", "late_edges", "reachable"]

Edge = tuple[int, int]


def adjacency(count: int, edges: Sequence[Edge]) -> list[list[int]]:
    """The successors of each node."""
    successors: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        successors[source].append(target)
    return successors


def reachable(successors: Sequence[Sequence[int]], start: Iterable[int]) -> list[bool]:
    """Per node, whether a path leads to it from one of the nodes to start at, or it is one."""
    seen = [False] * len(successors)
    work = list(start)
    for index in work:
        seen[index] = True
    while work:
        for index in successors[work.pop()]:
            if not seen[index]:
                seen[index] = True
                work.append(index)
    return seen


def cyclic_edges(count: int, edges: Sequence[Edge]) -> list[Edge]:
    """The edges that are part of a cycle."""
    component = strongly_connected(adjacency(count, edges))
    return [(a, b) for a, b in edges if component[a] == component[b]]


def algebraic_loops(
    count: int, edges: Sequence[Edge], neuron: Sequence[bool], delay: Sequence[bool]
) -> list[list[int]]:
    """Cyclic components without any neuron or whole-step delay, each sorted."""
    plain = [(a, b) for a, b in edges if not (neuron[a] or neuron[b] or delay[a] or delay[b])]
    component = strongly_connected(adjacency(count, plain))
    loops: dict[int, list[int]] = {}
    for node in sorted({a for a, b in plain if component[a] == component[b]}):
        loops.setdefault(component[node], []).append(node)
    return [loops[c] for c in sorted(loops, key=lambda c: loops[c])]


def late_edges(
    count: int,
    edges: Sequence[Edge],
    inputs: Sequence[int],
    neuron: Sequence[bool],
    delay: Sequence[bool],
    feedback: str,
) -> frozenset[Edge]:
    """The feedback edges.

    Arguments:
        count: number of nodes.
        edges: (source, target); duplicates count once.
        inputs: the outermost Inputs.
        neuron: per node, whether it is a neuron.
        delay: per node, whether it is a Delay of at least one step in every element, which
            breaks its cycles by itself.
        feedback: `"back-edges"` or `"component"`.
    """
    unique = sorted(set(edges))
    cyclic = cyclic_edges(count, [(a, b) for a, b in unique if not delay[b]])
    if not cyclic:
        return frozenset()
    if feedback == "component":
        return frozenset((a, b) for a, b in cyclic if neuron[a])
    dominators = dominator_tree(adjacency(count, unique), inputs)
    back = [(a, b) for a, b in cyclic if dominators.dominates(b, a)]
    taken = frozenset(back)
    left = cyclic_edges(count, [edge for edge in cyclic if edge not in taken])
    return taken | frozenset((a, b) for a, b in left if neuron[a])
