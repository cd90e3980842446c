"""Whole graphs run by the oracle: fan-in, nesting, ports, overrides, shapes of results."""

from typing import Any

import nir
import numpy as np
import pytest

from nirx import Discretization
from nirx_conformance import oracle

ANY: Any = None
D = Discretization(dt=1.0)


def port_in(size=1):
    shape: Any = np.array([size])
    return nir.Input(shape)


def graph_of(nodes, edges):
    return nir.NIRGraph(nodes, edges, type_check=False)


def scale(factor):
    return nir.Scale(np.array([float(factor)]))


def test_fan_in_sums_and_a_duplicated_edge_counts_twice():
    nodes = {"in": port_in(), "a": scale(10), "b": scale(100), "out": nir.Output(ANY)}
    edges = [("in", "a"), ("in", "b"), ("b", "out"), ("a", "out"), ("a", "out")]
    assert oracle.run(graph_of(nodes, edges), D, [[1.0]]).outputs["out"].tolist() == [[120]]


def test_fan_in_adds_in_order_of_source_path():
    # (1e16 + 1) - 1e16 = 0, but (1e16 - 1e16) + 1 = 1; the edges are listed in another order
    def total(big, one, minus):
        nodes = {"in": port_in(), "out": nir.Output(ANY)}
        nodes |= {big: scale(1e16), one: scale(1), minus: scale(-1e16)}
        edges = [("in", n) for n in (big, one, minus)]
        edges += [(n, "out") for n in (minus, one, big)]
        return oracle.run(graph_of(nodes, edges), D, [[1.0]]).outputs["out"].item()

    assert total(big="a", one="b", minus="c") == 0
    assert total(big="a", one="c", minus="b") == 1


def nested():
    inner = graph_of(
        {
            "in1": port_in(),
            "in2": nir.Input(ANY),
            "s": scale(3),
            "li": nir.LI(*np.ones((3, 1))),
            "o1": nir.Output(ANY),
            "o2": nir.Output(ANY),
        },
        [("in1", "s"), ("s", "o1"), ("in2", "li"), ("li", "o2")],
    )
    nodes = {"x": port_in(), "y": port_in(), "sub": inner, "p": nir.Output(ANY)}
    nodes["q"] = nir.Output(ANY)
    edges = [("x", "sub.in1"), ("y", "sub.in2"), ("sub.o1", "p"), ("sub.o2", "q")]
    return graph_of(nodes, edges)


def test_several_ports():
    # LI with tau = dt forgets: v = v_leak + r*x = 1 + x
    result = oracle.run(nested(), D, {"x": [[2.0]], "y": [[5.0]]})
    assert {k: v.item() for k, v in result.outputs.items()} == {"p": 6, "q": 6}
    assert result.state == {"sub": {"li": {"v": [6.0]}}}
    assert result.recordings["sub/s"].item() == 6
    assert result.recordings["sub/in2"].item() == 5
    assert result.recordings["sub/li.v"].item() == 6
    assert set(result.recordings) == {
        *("x", "y", "p", "q", "sub/in1", "sub/in2", "sub/s", "sub/li", "sub/li.v"),
        *("sub/o1", "sub/o2"),
    }


def test_a_node_named_like_a_port_takes_precedence():
    graph = nested()
    graph.nodes["sub.o1"] = scale(7)
    graph.edges.append(("x", "sub.o1"))
    result = oracle.run(graph, D, {"x": [[2.0]], "y": [[5.0]]})
    assert result.outputs["p"].item() == 14


def test_an_edge_need_not_name_the_only_port_of_a_subgraph():
    inner = graph_of({"i": port_in(), "o": nir.Output(ANY)}, [("i", "o")])
    for name in ("sub", "sub.i"):
        nodes = {"in": port_in(), "sub": inner, "out": nir.Output(ANY)}
        graph = graph_of(nodes, [("in", name), ("sub", "out")])
        assert oracle.run(graph, D, [[2.0]]).outputs["out"].item() == 2


def test_names_are_escaped_in_texts():
    nodes = {"in": port_in(), "a/b~": nir.LI(*np.ones((3, 1))), "out": nir.Output(ANY)}
    graph = graph_of(nodes, [("in", "a/b~"), ("a/b~", "out")])
    result = oracle.run(graph, D, [[1.0]])
    assert {"a~1b~0", "a~1b~0.v"} <= set(result.recordings)
    assert "a/b~" in result.state


def test_overrides_apply_to_a_node_and_inside_a_subgraph():
    overrides = {"sub": {"initial_v": "leak", "output": "old"}}
    d = Discretization(dt=1.0, reset="none", overrides=overrides)
    result = oracle.run(nested(), d, {"x": [[2.0]], "y": [[5.0]]})
    assert result.outputs["q"].item() == 1  # v_leak, the old v
    assert result.recordings["sub/li.v"].item() == 6


@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 2)])
def test_any_number_of_batch_axes(batch):
    xs = np.arange(4 * np.prod(batch, dtype=int), dtype=float).reshape(4, *batch, 1)
    result = oracle.run(nested(), D, {"x": xs, "y": xs[::-1]})
    np.testing.assert_array_equal(result.outputs["p"], 3 * xs)
    np.testing.assert_array_equal(result.outputs["q"], 1 + xs[::-1])
    assert result.state["sub"]["li"]["v"].shape == (*batch, 1)


def test_a_run_of_zero_steps():
    result = oracle.run(nested(), D, {"x": np.zeros((0, 2, 1)), "y": np.zeros((0, 2, 1))})
    assert result.outputs["q"].shape == (0, 2, 1)
    assert result.state["sub"]["li"]["v"].tolist() == [[0], [0]]


def test_bool_and_integers_become_float64():
    for xs in ([[True]], np.array([[1]], np.int8)):
        assert (
            oracle.run(graph_of({"in": port_in(), "out": nir.Output(ANY)}, [("in", "out")]), D, xs)
            .outputs["out"]
            .dtype
            == np.float64
        )
