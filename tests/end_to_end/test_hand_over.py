"""A run may start on one backend and continue on another."""

from __future__ import annotations

import copy
import itertools

import nir
import numpy as np
import pytest

import nirx
from support.agreement import assert_near, assert_states_close
from support.graphs import line, make_graph
from support.running import BACKENDS, Running

RULE = nirx.Discretization(dt=1e-3)


@pytest.fixture(scope="module")
def graph():
    """Neurons with and without a synapse, delays, a loop and a subgraph that contains a loop."""
    rng = np.random.default_rng(7)

    def near(value, size=4):
        return value * (1 + 0.2 * rng.random(size))

    inner = make_graph(
        [*line("input", "cuba", "back", "cuba"), ("cuba", "output")],
        4,
        cuba=nir.CubaLIF(near(5e-3), near(8e-3), near(2), near(0.05), near(0.3), near(0), near(2)),
        back=nir.Linear(rng.normal(size=(4, 4))),
    )
    nodes = {
        "fc": nir.Affine(rng.normal(size=(4, 3)), rng.normal(size=4)),
        "lif": nir.LIF(near(6e-3), near(2), near(0), near(0.2), near(-0.1)),
        "delay": nir.Delay(1e-3 * np.array([0, 1, 3, 6])),
        "sub": inner,
        "w": nir.Linear(0.5 * rng.normal(size=(4, 4))),
        "li": nir.LI(near(1e-2), near(1), near(0.1)),
    }
    edges = [*line("input", "fc", "lif", "delay", "sub", "li", "output"), *line("sub", "w", "lif")]
    return make_graph(edges, 3, 4, **nodes)


@pytest.fixture(scope="module")
def xs():
    return np.random.default_rng(8).normal(size=(100, 2, 3))


@pytest.fixture(scope="module")
def whole(graph, xs):
    """100 steps on NumPy."""
    return nirx.from_nir(graph, "numpy", RULE, "float64").run(xs, record="all")


@pytest.mark.parametrize(("first", "second"), list(itertools.product(BACKENDS, repeat=2)))
def test_a_run_split_between_two_backends_equals_a_whole_one(first, second, graph, xs, whole):
    ys, end, rec = whole
    one, middle, rec_one = Running(first, graph, RULE, "float64").run(xs[:50])
    before = copy.deepcopy(middle)
    two, state, rec_two = Running(second, graph, RULE, "float64").run(xs[50:], middle)
    assert_near(np.concatenate([one, two]), ys, 1e-12, "outputs")
    assert_states_close(state, end, 1e-12, f"{first} to {second}")
    for key, value in rec.items():
        assert_near(np.concatenate([rec_one[key], rec_two[key]]), value, 1e-12, key)
    assert_states_close(middle, before, 0.0, "the state handed over is unchanged")


def test_the_run_has_spikes_on_both_sides_of_the_cut(whole):
    _, state, rec = whole
    for key in ("lif", "sub/cuba"):
        assert rec[key][:50].sum() > 10
        assert rec[key][50:].sum() > 10
    assert set(state) == {"lif", "delay", "sub", "li"}
    assert "feedback" in state["lif"]
    assert "feedback" in state["sub"]["cuba"]


def test_the_first_state_is_the_same_tree_everywhere(backend, graph):
    start = nirx.from_nir(graph, "numpy", RULE, "float64").init_state((2,))
    net = Running(backend, graph, RULE, "float64")
    _, state, _ = net.run(np.zeros((0, 2, 3)))
    assert_states_close(state, start, 1e-12, backend)


def test_graph_and_input_are_unchanged(backend, graph, xs):
    other, given = copy.deepcopy(graph), xs.copy()
    Running(backend, graph, RULE, "float64").run(given)
    assert nirx.same_graph(graph, other)
    assert np.array_equal(given, xs)


def test_copies_to_numpy_do_not_follow_the_network(backend, graph, xs):
    net = Running(backend, graph, RULE, "float64")
    _, state, _ = net.run(xs[:5])
    kept = copy.deepcopy(state)
    state["lif"]["v"][:] = 77.0
    _, again, _ = net.run(xs[:5])
    assert_states_close(again, kept, 0.0, backend)
