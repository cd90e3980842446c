"""Components and dominators, against networkx and against the definition."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from nirx.graphs.components import dominator_tree, strongly_connected

Adjacency = list[list[int]]


def random_graph(seed: int, most: int = 12) -> Adjacency:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, most))
    edges = int(rng.integers(0, 3 * count))
    successors: Adjacency = [[] for _ in range(count)]
    for a, b in rng.integers(0, count, (edges, 2)).tolist():
        successors[a].append(b)  # self-loops and duplicates too
    return successors


def to_networkx(successors: Adjacency) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(successors)))
    graph.add_edges_from((a, b) for a, targets in enumerate(successors) for b in targets)
    return graph


def reachable(successors: Adjacency, roots: list[int], without: int = -1) -> set[int]:
    seen: set[int] = set()
    work = [r for r in roots if r != without]
    while work:
        node = work.pop()
        if node not in seen:
            seen.add(node)
            work += [t for t in successors[node] if t != without]
    return seen


@pytest.mark.parametrize("start", range(0, 600, 100))
def test_components_are_those_of_networkx(start):
    for seed in range(start, start + 100):
        successors = random_graph(seed)
        component = strongly_connected(successors)
        groups: dict[int, set[int]] = {}
        for node, number in enumerate(component):
            groups.setdefault(number, set()).add(node)
        expected = nx.strongly_connected_components(to_networkx(successors))
        assert sorted(map(sorted, groups.values())) == sorted(map(sorted, expected))


@pytest.mark.parametrize("start", range(0, 600, 100))
def test_dominance_matches_its_definition(start):
    for seed in range(start, start + 100):
        successors = random_graph(seed)
        count = len(successors)
        rng = np.random.default_rng(seed)
        roots = sorted(set(rng.integers(0, count, rng.integers(0, 4)).tolist()))
        tree = dominator_tree(successors, roots)
        reached = reachable(successors, roots)
        for a in range(count):
            kept = reachable(successors, roots, without=a)
            for b in range(count):
                expected = a in reached and b in reached and (a == b or b not in kept)
                assert tree.dominates(a, b) == expected, (seed, a, b)


@pytest.mark.parametrize("seed", range(5))
def test_larger_graphs_agree_with_networkx(seed):
    rng = np.random.default_rng(seed)
    count = 300
    successors: Adjacency = [[] for _ in range(count)]
    for a, b in rng.integers(0, count, (500, 2)).tolist():
        successors[a].append(b)
    tree = dominator_tree(successors, [0])
    parents = nx.immediate_dominators(to_networkx(successors), 0)
    for node, parent in parents.items():
        if parent is not None and parent != node:
            assert tree.dominates(parent, node)
            assert not tree.dominates(node, parent)
    assert {n for n in range(count) if tree.dominates(0, n)} == set(parents) | {0}


def test_duplicate_edges_and_roots_change_nothing():
    plain = dominator_tree([[1], [2], [1]], [0])
    double = dominator_tree([[1, 1], [2, 2], [1]], [0, 0])
    for a in range(3):
        assert [plain.dominates(a, b) for b in range(3)] == [
            double.dominates(a, b) for b in range(3)
        ]


def test_an_empty_graph_has_no_components_or_dominators():
    assert strongly_connected([]) == []
    assert not dominator_tree([[]], []).dominates(0, 0)


@pytest.mark.slow
def test_a_ring_of_100000_is_one_component():
    count = 100_000
    ring = [[(k + 1) % count] for k in range(count)]
    assert set(strongly_connected(ring)) == {0}
    tree = dominator_tree(ring, [7])
    assert tree.dominates(7, 6)
    assert tree.dominates(8, 6)
    assert not tree.dominates(6, 8)
