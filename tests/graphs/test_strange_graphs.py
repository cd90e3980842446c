"""Graphs that no constructor of nir makes are refused with a NirxError, and nothing is lost."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import chain, changed, lif, make_graph, numbers


def refused(graph: Any, message: str) -> None:
    with pytest.raises(nirx.GraphError, match=message):
        nirx.check(graph)


@pytest.mark.parametrize("name", ["metadata", "input_type", "output_type"])
@pytest.mark.parametrize("node", ["input", "n0", "output"])
def test_a_node_without_one_of_its_fields(node, name):
    graph = chain([lif()])
    delattr(graph.nodes[node], name)
    refused(graph, name)


@pytest.mark.parametrize("name", ["bias", "input_shape"])
def test_a_convolution_without_one_of_its_fields(name):
    conv = nir.Conv1d(7, numbers(2, 3, 3), 2, 1, 1, 1, numbers(2))
    graph = chain({"conv": conv}, (3, 7), (2, 4))
    delattr(conv, name)
    refused(graph, f"it has no {name}")


@pytest.mark.parametrize(
    "edges",
    [
        iter([("input", "n0"), ("n0", "output")]),
        "ab",
        {"input": "n0"},
        np.array(3),
        None,
    ],
    ids=["an iterator", "text", "a dict", "a number", "None"],
)
def test_edges_that_are_no_collection(edges):
    refused(changed(chain([lif()]), edges=edges), "edges is a")


@pytest.mark.parametrize(
    "edge", ["ab", {"a", "b"}, {"a": 1, "b": 2}, iter(("a", "b")), np.array("a"), None, ("a", 1)]
)
def test_an_edge_without_an_order_of_two_names(edge):
    nodes = {"a": lif(), "b": lif()}
    graph = make_graph([("input", "a"), ("a", "b"), ("b", "output")], **nodes)
    graph.edges.append(edge)
    refused(graph, "expected a pair of node names")
    with pytest.raises(nirx.GraphError, match="a pair of node names"):
        nirx.repair(graph)


@pytest.mark.parametrize("kind", [tuple, np.array])
def test_edges_in_other_collections_are_edges(kind, tmp_path):
    graph = chain([lif()])
    graph.edges = kind(graph.edges)
    nirx.write(tmp_path / "g.nir", graph)
    assert nirx.same_graph(nirx.read(tmp_path / "g.nir"), chain([lif()]))


def test_large_things_that_are_no_edges_are_not_written_out():
    printed = []

    class Large(np.ndarray):
        def __repr__(self) -> str:
            printed.append(self)
            return "a" * 10**6

    edge = np.ones((100, 100)).view(Large)
    refused(changed(chain([lif()]), edges=[edge] * 50), r"an array of shape \(100, 100\)")
    assert not printed


def test_a_repaired_graph_whose_metadata_is_too_deep_is_refused():
    deep: dict[str, Any] = {}
    for _ in range(2000):
        deep = {"a": deep}
    for owner in (chain([lif()]), chain([lif(metadata=deep)])):
        if owner.nodes["n0"].metadata == {}:
            owner.metadata = deep
        with pytest.raises(nirx.GraphError, match="more than 100 deep"):
            nirx.repair(owner)


@pytest.mark.parametrize("kind", [nir.Input, nir.Output])
@pytest.mark.parametrize("value", [{}, {3: np.array([2])}, [2], "a", None])
def test_a_port_with_a_strange_declaration_is_a_graph_or_a_graph_error(kind, value, tmp_path):
    for name in ("input_type", "output_type"):
        graph = chain([lif()])
        setattr(graph.nodes[kind.__name__.lower()], name, value)
        with suppress(nirx.GraphError):
            nirx.write(tmp_path / "g.nir", graph)
            nirx.read(tmp_path / "g.nir")
        with suppress(nirx.GraphError):
            nirx.repair(graph)


def test_masked_elements_are_refused_wherever_they_are():
    masked = np.ma.masked_array([1.0, 2.0], [True, False])
    refused(chain([changed(lif(), tau=masked)]), "tau has masked elements")
    refused(chain([lif()], np.ma.masked_array([2], [True])), "a shape")
    with pytest.raises(nirx.FileError, match="masked"):
        nirx.write("g.nir", chain([lif(metadata={"a": masked})]))
    nirx.check(chain([changed(lif(), tau=np.ma.masked_array([1.0, 2.0]))]))


@pytest.mark.parametrize(
    "parameters",
    [
        {"stride": np.array(1 + 2j)},
        {"weight": numbers(3), "input_shape": 7},
        {"weight": numbers(2, 3, 3, 2), "input_shape": 7},
        {"weight": numbers(3), "input_shape": None},
        {"padding": 2**62},
    ],
)
def test_a_convolution_with_strange_parameters(parameters):
    conv = changed(nir.Conv1d(7, numbers(2, 3, 3), 2, 1, 1, 1, numbers(2)), **parameters)
    refused(chain({"conv": conv}, (3, 7), (2, 4)), "conv")


def test_faulty_nodes_say_nothing_of_the_shapes_of_others():
    """Here the shapes contradict each other as well, so that other ones are looked for."""
    linear = changed(nir.Linear(numbers(2, 3)), weight=numbers(3))
    refused(chain({"flat": nir.Flatten({"input": np.array([1, 3])}, 0), "w": linear}, (4, 3)), "w")


def test_parameters_of_more_axes_than_numpy_broadcasts():
    refused(chain([changed(lif(), tau=np.ones((1,) * 33))]), "n0")


def test_a_complex_shape_is_refused():
    graph = chain([lif()])
    graph.nodes["input"].input_type = {"input": np.array([2 + 0j])}
    refused(graph, "a shape: one integer per axis")


def test_a_parameter_beyond_float32_is_refused_without_a_warning():
    graph = chain([lif(r=1e300)])
    with pytest.raises(nirx.GraphError, match="numbers that float32 can hold"):
        nirx.from_nir(graph, "numpy", nirx.Discretization())
