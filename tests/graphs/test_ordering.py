"""The order of execution: every source first, components together, ties by number."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from nirx.graphs.feedback import late_edges
from nirx.graphs.ordering import ordered_components

Edge = tuple[int, int]


def random_case(seed: int) -> tuple[int, list[Edge], list[Edge]]:
    """A graph of neurons, and the edges that are not late."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 15))
    pairs = rng.integers(0, count, (int(rng.integers(0, 2 * count)), 2)).tolist()
    edges = [(a, b) for a, b in pairs]
    late = late_edges(count, edges, [0], [True] * count, [False] * count, "back-edges")
    return count, edges, [e for e in edges if e not in late]


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_every_source_runs_before_its_targets(start):
    for seed in range(start, start + 100):
        count, edges, waits = random_case(seed)
        parts = ordered_components(count, edges, waits)
        place = {n: k for k, n in enumerate(n for part, _ in parts for n in part)}
        assert sorted(place) == list(range(count))
        assert all(place[a] < place[b] for a, b in waits), seed


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_components_and_their_cyclicity_are_those_of_networkx(start):
    for seed in range(start, start + 100):
        count, edges, waits = random_case(seed)
        graph = nx.DiGraph()
        graph.add_nodes_from(range(count))
        graph.add_edges_from(edges)
        expected = {
            (tuple(sorted(c)), len(c) > 1 or graph.has_edge(*(2 * list(c))))
            for c in nx.strongly_connected_components(graph)
        }
        parts = ordered_components(count, edges, waits)
        assert {(tuple(sorted(nodes)), loop) for nodes, loop in parts} == expected, seed


@pytest.mark.parametrize("seed", range(100))
def test_without_cycles_it_is_the_lexicographically_first_order(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 12))
    edges = [(a, b) for a, b in rng.integers(0, count, (2 * count, 2)).tolist() if a != b]
    label = rng.permutation(count).tolist()
    edges = [(label[min(e)], label[max(e)]) for e in edges]
    graph = nx.DiGraph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(edges)
    got = [n for nodes, _ in ordered_components(count, edges, edges) for n in nodes]
    assert got == list(nx.lexicographical_topological_sort(graph))


def test_the_order_of_edges_does_not_matter():
    for seed in range(200):
        count, edges, waits = random_case(seed)
        rng = np.random.default_rng(seed)
        other = ordered_components(
            count,
            [edges[k] for k in rng.permutation(len(edges))],
            [waits[k] for k in rng.permutation(len(waits))],
        )
        assert other == ordered_components(count, edges, waits), seed


def test_a_remaining_cycle_is_an_assertion_error():
    with pytest.raises(AssertionError):
        ordered_components(2, [(0, 1), (1, 0)], [(0, 1), (1, 0)])
