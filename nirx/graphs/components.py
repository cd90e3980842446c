"""Strongly connected components and dominators, in linear and near-linear time.

There is no recursion, because a chain of 100,000 nodes is a legal graph. Nodes are numbers from
0; the results depend only on the numbers and the adjacency lists.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["dominator_tree", "strongly_connected"]


def strongly_connected(successors: Sequence[Sequence[int]]) -> list[int]:
    """The component of each node, as a number.

    **Source**: Tarjan 1972, with an explicit stack.
    """
    count = len(successors)
    order = [-1] * count
    low = [0] * count
    component = [-1] * count
    on_path: list[int] = []
    counter = components = 0
    for root in range(count):
        if order[root] >= 0:
            continue
        work = [(root, 0)]
        while work:
            node, place = work.pop()
            if place == 0:
                order[node] = low[node] = counter
                counter += 1
                on_path.append(node)
            else:  # back from the successor before `place`
                low[node] = min(low[node], low[successors[node][place - 1]])
            for following in range(place, len(successors[node])):
                target = successors[node][following]
                if order[target] < 0:
                    work += [(node, following + 1), (target, 0)]
                    break
                if component[target] < 0:
                    low[node] = min(low[node], order[target])
            else:
                if low[node] == order[node]:
                    while True:
                        member = on_path.pop()
                        component[member] = components
                        if member == node:
                            break
                    components += 1
    return component


def dominator_tree(successors: Sequence[Sequence[int]], roots: Sequence[int]) -> DominatorTree:
    """The dominators of each node, from a virtual start before all `roots`.

    **Source**: Lengauer & Tarjan 1979, the O(m log n) version, without recursion.
    """
    count = len(successors)
    start = count
    succ = [*successors, list(roots)]
    number, vertex, parent = _depth_first(succ, start)
    reached = len(vertex)
    predecessors: list[list[int]] = [[] for _ in range(reached)]
    for v in vertex:
        for w in succ[v]:
            predecessors[number[w]].append(number[v])
    semi = list(range(reached))  # everything below is in depth-first numbers
    dominator = [0] * reached
    ancestor, label = [-1] * reached, list(range(reached))
    bucket: list[list[int]] = [[] for _ in range(reached)]
    for w in range(reached - 1, 0, -1):
        for v in predecessors[w]:
            semi[w] = min(semi[w], semi[_evaluate(v, ancestor, label, semi)])
        bucket[semi[w]].append(w)
        ancestor[w] = parent[w]
        for v in bucket[parent[w]]:
            u = _evaluate(v, ancestor, label, semi)
            dominator[v] = u if semi[u] < semi[v] else parent[w]
        bucket[parent[w]] = []
    for w in range(1, reached):
        if dominator[w] != semi[w]:
            dominator[w] = dominator[dominator[w]]
    return DominatorTree(number[:count], dominator)


def _depth_first(
    succ: Sequence[Sequence[int]], start: int
) -> tuple[list[int], list[int], list[int]]:
    number = [-1] * len(succ)
    vertex: list[int] = []
    parent: list[int] = []
    work = [(start, 0, -1)]
    while work:
        node, place, above = work.pop()
        if place == 0:
            if number[node] >= 0:
                continue
            number[node] = len(vertex)
            vertex.append(node)
            parent.append(above)
        for following in range(place, len(succ[node])):
            target = succ[node][following]
            if number[target] < 0:
                work += [(node, following + 1, -1), (target, 0, number[node])]
                break
    return number, vertex, parent


def _evaluate(v: int, ancestor: list[int], label: list[int], semi: list[int]) -> int:
    """The node with the smallest semidominator on the path up from v, which is compressed."""
    if ancestor[v] < 0:
        return v
    way = []
    while ancestor[ancestor[v]] >= 0:
        way.append(v)
        v = ancestor[v]
    for u in reversed(way):
        above = ancestor[u]
        if semi[label[above]] < semi[label[u]]:
            label[u] = label[above]
        ancestor[u] = ancestor[above]
    return label[way[0] if way else v]


class DominatorTree:
    """Tells in constant time whether one node dominates another."""

    def __init__(self, number: list[int], dominator: list[int]):
        self._number = number
        children: list[list[int]] = [[] for _ in dominator]
        for w in range(1, len(dominator)):
            children[dominator[w]].append(w)
        self._enter = [0] * len(dominator)
        self._leave = [0] * len(dominator)
        clock = 0
        work = [(0, False)]
        while work:
            w, done = work.pop()
            clock += 1
            if done:
                self._leave[w] = clock
            else:
                self._enter[w] = clock
                work.append((w, True))
                work += [(child, False) for child in children[w]]

    def dominates(self, a: int, b: int) -> bool:
        """Whether every path from the start to b contains a; False if b cannot be reached."""
        a, b = self._number[a], self._number[b]
        if a < 0 or b < 0:
            return False
        return self._enter[a] <= self._enter[b] and self._leave[b] <= self._leave[a]
