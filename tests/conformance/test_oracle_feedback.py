"""A feedback edge carries the previous step's value, and at first the value in silence."""

from typing import Any

import nir
import numpy as np
import pytest

from nirx import Discretization
from nirx_conformance import oracle

ANY: Any = None


def run(nodes, edges, xs, **choices):
    shape: Any = np.array([1])
    nodes = {"in": nir.Input(shape), **nodes, "out": nir.Output(ANY)}
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    return oracle.run(graph, Discretization(**{"dt": 1.0, **choices}), np.reshape(xs, (-1, 1)))


def test_a_self_loop():
    # I with dt*r = 1: v = v + x + v_old
    result = run({"i": nir.I(np.ones(1))}, [("in", "i"), ("i", "i"), ("i", "out")], [1, 0, 1])
    assert result.outputs["out"].ravel().tolist() == [1, 2, 5]
    assert result.state == {"i": {"v": [5.0], "feedback": {"i": [5.0]}}}


RECURRENT = [("in", "i"), ("i", "w"), ("w", "i"), ("i", "out")]


@pytest.mark.parametrize(("initial", "first"), [("silent", 1 + 5), ("zero", 1)])
def test_a_recurrent_affine_outputs_its_bias_in_silence(initial, first):
    nodes = {"i": nir.I(np.ones(1)), "w": nir.Affine(np.array([[2.0]]), np.array([5.0]))}
    result = run(nodes, RECURRENT, [1, 0], feedback_initial=initial)
    # second step: v + 2 v + 5
    assert result.outputs["out"].ravel().tolist() == [first, first + 2 * first + 5]
    last = first + 2 * first + 5
    assert result.state["i"]["feedback"] == {"w": [2.0 * last + 5]}


def test_component_makes_the_edge_out_of_the_neuron_late():
    nodes = {"i": nir.I(np.ones(1)), "w": nir.Affine(np.array([[2.0]]), np.array([5.0]))}
    result = run(nodes, RECURRENT, [1, 0], feedback="component")
    # w reads 0, then 6: v = 1 + 5;  6 + 2*6 + 5. The Output reads i in the same step.
    assert result.outputs["out"].ravel().tolist() == [6, 23]
    assert result.state["w"]["feedback"] == {"i": [23.0]}


def test_the_value_in_silence_passes_through_stateless_nodes_but_not_through_neurons():
    # neuron m (at its leak of 4 from the start) counts as 0; the threshold sees 0 > -1
    li = nir.LI(*(np.full(1, v) for v in (2.0, 1.0, 4.0)))
    nodes = {
        "m": li,
        "t": nir.Threshold(np.array([-1.0])),
        "s": nir.Scale(np.array([10.0])),
    }
    edges = [("in", "m"), ("m", "t"), ("t", "s"), ("s", "m"), ("m", "out")]
    result = run(nodes, edges, [0], initial_v="leak")
    # v = 4 + (0 + 10)/2
    assert result.outputs["out"].item() == 9


def test_a_duplicated_feedback_edge_counts_twice():
    edges = [("in", "i"), ("i", "i"), ("i", "i"), ("i", "out")]
    result = run({"i": nir.I(np.ones(1))}, edges, [1, 0])
    assert result.outputs["out"].ravel().tolist() == [1, 3]


def test_a_delay_breaks_a_loop_with_its_own_timing():
    nodes = {"s": nir.Scale(np.array([2.0])), "d": nir.Delay(np.array([2.0]))}
    edges = [("in", "s"), ("s", "d"), ("d", "s"), ("s", "out")]
    result = run(nodes, edges, [1, 0, 0, 0, 0])
    assert result.outputs["out"].ravel().tolist() == [2, 0, 4, 0, 8]
    assert list(result.state) == ["d"]
    assert result.state["d"]["buffer"].tolist() == [[0.0], [8.0]]


def test_a_loop_that_no_input_reaches_lives_on_its_bias():
    nodes = {"w": nir.Affine(np.array([[1.0]]), np.array([1.0])), "i": nir.I(np.ones(1))}
    edges = [("w", "i"), ("i", "w"), ("i", "out"), ("in", "out")]
    result = run(nodes, edges, [0, 0, 0])
    # the edge out of the neuron is late: w = i_old + 1, i = i_old + w = 2 i_old + 1
    assert result.outputs["out"].ravel().tolist() == [1, 3, 7]
    assert result.state["w"] == {"feedback": {"i": [7.0]}}


def test_a_loop_through_a_subgraph_is_keyed_by_its_full_path():
    inner = nir.NIRGraph(
        {"a": nir.Input(ANY), "i": nir.I(np.ones(1)), "z": nir.Output(ANY)},
        [("a", "i"), ("i", "z")],
        type_check=False,
    )
    result = run({"sub": inner}, [("in", "sub"), ("sub", "sub"), ("sub", "out")], [1, 0, 0])
    assert result.outputs["out"].ravel().tolist() == [1, 2, 4]
    assert result.state["sub"]["a"] == {"feedback": {"sub/z": [4.0]}}
