"""Late edges: the edges of a cycle that carry the value of the previous step.

Everything here is done naively: reachability by search, dominance by deleting a node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nirx_conformance.oracle.inlining import Edge, Path


def late_edges(
    nodes: Iterable[Path],
    edges: Iterable[Edge],
    inputs: Iterable[Path],
    is_neuron: Callable[[Path], bool],
    breaks_cycles: Callable[[Path], bool],
    every_neuron: bool = False,
) -> set[Edge]:
    """The feedback edges.

    Arguments:
        inputs: the outermost Inputs.
        breaks_cycles: whether a node is a Delay of one step or more in every element.
        every_neuron: `feedback="component"`: in a cyclic component every edge out of a neuron.
    """
    nodes, edges, inputs = list(nodes), set(edges), list(inputs)
    within_a_step = {(a, b) for a, b in edges if not breaks_cycles(b)}
    cyclic = edges_on_cycles(nodes, within_a_step)
    if every_neuron:
        return {(a, b) for a, b in cyclic if is_neuron(a)}
    back = back_edges(cyclic, edges, inputs)
    still_cyclic = edges_on_cycles(nodes, within_a_step - back)
    return back | {(a, b) for a, b in still_cyclic if is_neuron(a)}


def back_edges(cyclic: set[Edge], edges: set[Edge], inputs: list[Path]) -> set[Edge]:
    """Those of `cyclic` whose target lies on every path from an Input to their source."""
    reached = reachable(inputs, edges)
    found = set()
    for head in {b for _, b in cyclic}:
        starts = [i for i in inputs if i != head]
        without_head = reachable(starts, {(a, b) for a, b in edges if head not in (a, b)})
        dominated = reached - without_head
        found |= {(a, b) for a, b in cyclic if b == head and a in dominated}
    return found


def edges_on_cycles(nodes: Iterable[Path], edges: set[Edge]) -> set[Edge]:
    """The edges on a cycle: those whose source can be reached from their target."""
    onward = successors(edges)
    back_to = {n: search([n], onward) for n in nodes if n in onward}
    return {(a, b) for a, b in edges if a in back_to.get(b, ())}


def reachable(starts: Iterable[Path], edges: Iterable[Edge]) -> set[Path]:
    """The starts and all that they lead to."""
    return search(starts, successors(edges))


def successors(edges: Iterable[Edge]) -> dict[Path, list[Path]]:
    """The targets of the edges out of each node."""
    onward: dict[Path, list[Path]] = {}
    for a, b in edges:
        onward.setdefault(a, []).append(b)
    return onward


def search(starts: Iterable[Path], onward: dict[Path, list[Path]]) -> set[Path]:
    """The starts and all that they lead to."""
    seen = set(starts)
    work = list(seen)
    while work:
        for node in onward.get(work.pop(), ()):
            if node not in seen:
                seen.add(node)
                work.append(node)
    return seen
