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


def test_paths_that_take_too_much_room_are_refused(monkeypatch):
    def nested(depth: int) -> nir.NIRGraph:
        graph = chain([lif()])
        for _ in range(depth):
            graph = chain({"n" * 1000: graph})
        return graph

    graph = nested(20)
    nirx.check(graph)
    monkeypatch.setattr("nirx.graphs.flatten.MOST_CHARACTERS", 500_000)
    (fault,) = refused(graph).faults
    assert "characters" in fault.found
    with pytest.raises(nirx.GraphError, match="shorter names"):
        nirx.from_nir(graph, "numpy", discretization=nirx.Discretization(dt=1.0))
    with pytest.raises(nirx.GraphError, match="shorter names"):
        nirx.write("unused.nir", graph)


@pytest.mark.parametrize("where", ["graph", "node"])
def test_deep_metadata_are_refused(where):
    deep: dict = {}
    for _ in range(5000):
        deep = {"below": deep, "again": [deep]}
    endless: dict = {}
    endless["self"] = endless
    for metadata in (deep, endless):
        graph = chain({"node": lif()})
        (graph if where == "graph" else graph.nodes["node"]).metadata = metadata
        (fault,) = refused(graph).faults
        assert fault.where == where
        assert "nested more than 100 deep" in fault.found


def test_warnings_of_many_nodes_are_counted():
    rule = nirx.Discretization(dt=1.0)
    graph = chain({f"n{k}": lif(tau=0.5 - k / 10_000) for k in range(1000)})
    with pytest.warns(nirx.NirxWarning) as caught:
        nirx.check(graph, rule)
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == errors.MOST_LINES + 1
    assert texts[-1].startswith("980 more warnings")
    assert all(len(text) < 1000 for text in texts)


def test_warnings_of_shared_modules_are_counted():
    nodes = {f"n{k}": lif(tau=4.0 + k, metadata={"nirx_module": "one"}) for k in range(100)}
    with pytest.warns(nirx.NirxWarning) as caught:
        nirx.from_nir(chain(nodes), "numpy", discretization=nirx.Discretization(dt=1.0))
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == errors.MOST_LINES + 1
    assert "so did 79 more pairs" in texts[-1]


def test_parts_of_a_graph_that_are_no_edges_are_cut():
    graph = make_graph([("input", "output")])
    graph.edges += [tuple("x" * 1000 for _ in range(1000))] * 100  # type: ignore[list-item]
    assert len(flatten(graph).faults) == 100
    refused(graph)
