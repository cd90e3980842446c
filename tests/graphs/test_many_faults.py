"""Many faults and long names: errors stay short, and the work grows with the graph's size only."""

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
from nirx import errors
from nirx.graphs.flatten import flatten
from support.graphs import affine, chain, changed, lif, line, make_graph
from support.growth import assert_linear


def refused(graph: nir.NIRGraph) -> nirx.GraphError:
    """The error of a graph, which is short."""
    with pytest.raises(nirx.GraphError) as caught:
        nirx.check(graph)
    assert len(str(caught.value)) < 20_000
    assert len(str(caught.value).splitlines()) <= 22
    return caught.value


def near_misses(count: int) -> nir.NIRGraph:
    """Each node is named wrongly by an edge."""
    nodes = {f"node{k}": lif() for k in range(count)}
    edges = [*line("input", *nodes, "output"), *((f"nodex{k}", "output") for k in range(count))]
    return make_graph(edges, **nodes)


def into_one_missing_node(count: int) -> nir.NIRGraph:
    nodes = {f"node{k}": lif() for k in range(count)}
    edges = [("input", name) for name in nodes] + [(name, "gone") for name in nodes]
    return make_graph(edges, **nodes)


def unconnected(count: int) -> nir.NIRGraph:
    return make_graph([("input", "output")], **{f"node{k}": lif() for k in range(count)})


def odd_shapes(count: int) -> nir.NIRGraph:
    """Half of the sources of one node have another shape than the other half."""
    nodes = {f"w{k}": affine(2 + k % 2, 2) for k in range(count)}
    edges = [("input", name) for name in nodes] + [(name, "output") for name in nodes]
    return make_graph(edges, **nodes)


def faulty_parameters(count: int) -> nir.NIRGraph:
    nodes = {f"node{k}": changed(lif(), tau=np.full(2, -1.0 - k)) for k in range(count)}
    return chain(nodes)


def many_ports(count: int) -> nir.NIRGraph:
    """Edges into a subgraph that do not say which of its Inputs they mean."""
    inner = nir.NIRGraph({}, [], type_check=False)
    inner.nodes = {f"in{k}": nir.Input({"input": np.array([2])}) for k in range(count)}
    inner.nodes["out"] = nir.Output({"output": np.array([2])})
    inner.edges = [(f"in{k}", "out") for k in range(count)]
    nodes = {f"node{k}": lif() for k in range(count)}
    edges = [("input", name) for name in nodes] + [(name, "sub") for name in nodes]
    return make_graph([*edges, ("sub", "output")], **nodes, sub=inner)


def wrong_directions(count: int) -> nir.NIRGraph:
    nodes = {f"node{k}": lif() for k in range(count)}
    edges = [("output", name) for name in nodes] + [(name, "input") for name in nodes]
    return make_graph([("input", "output"), *edges], **nodes)


def flattened_subgraphs(count: int) -> nir.NIRGraph:
    """Edges that still name one subgraph, whose many nodes stand beside the others."""
    nodes = {f"sub.node{k}": lif() for k in range(count)}
    edges = [("input", name) for name in nodes] + [(name, "sub") for name in nodes]
    return make_graph([*edges, ("sub", "output")], **nodes)


GRAPHS = (
    near_misses,
    into_one_missing_node,
    unconnected,
    odd_shapes,
    faulty_parameters,
    many_ports,
    wrong_directions,
    flattened_subgraphs,
)


@pytest.mark.parametrize("make", GRAPHS)
def test_many_faults_make_one_short_error(make):
    assert refused(make(1000)).faults


@pytest.mark.parametrize("make", GRAPHS)
def test_faults_are_found_in_linear_time(make, monkeypatch):
    monkeypatch.setattr("nirx.graphs.flatten.MOST_LINES", 0)  # suggestions: a test of their own
    assert_linear(lambda size: (graph := make(size)) and (lambda: refused(graph)))


def test_few_names_are_compared_with_others(monkeypatch):
    calls = []
    monkeypatch.setattr(errors.difflib, "get_close_matches", lambda *_, n: calls.append(n) or [])
    refused(near_misses(100))
    assert 0 < len(calls) <= errors.MOST_LINES


def test_edges_into_one_missing_node_are_counted_in_one_fault():
    (fault,) = refused(into_one_missing_node(1000)).faults
    assert "and 999 more edges" in fault.where


def test_long_names_and_deep_paths_make_short_errors():
    name = "n" * 60_000
    graph = make_graph([("input", name), (name, "output"), ("input", name + "x")], **{name: lif()})
    assert "(60,001 characters)" in str(refused(graph))
    for _ in range(20):
        graph = make_graph([("input", name), (name, "output")], **{name: graph})
    refused(graph)


def test_parts_of_a_graph_that_are_no_edges_are_cut():
    graph = make_graph([("input", "output")])
    graph.edges += [tuple("x" * 1000 for _ in range(1000))] * 100  # type: ignore[list-item]
    assert len(flatten(graph).faults) == 100
    refused(graph)
