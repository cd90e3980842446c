"""Every non-empty string works as a node name, on every backend and through a file."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.agreement import assert_near
from support.graphs import lif, line, make_graph
from support.running import Running

RULE = nirx.Discretization(dt=1.0)
ODD = [
    *("self", "forward", "run", "schedule", "training", "in", "None", "0", "feedback", "v"),
    *("__deepcopy__", "__class__", "nodes", "arrays"),
    *(".", "..", "a.b", "a/b", "~0", "~1", "it's", '"quoted"', "two\nlines", "tab\t", "nul\0"),
    *("[bold]", "100%", "%2F", "{x}", "läif"),
    *("神经元", "\U0001f9e0", "e\u0301", "\u202e", "\ud800"),
]


def graph_of(name: str) -> nir.NIRGraph:
    """input -> lif with a feedback loop of odd names, in a subgraph of an odd name."""
    neurons = lif(tau=np.array([4.0, 5.0]), r=np.array([2.0, 3.0]), v_threshold=0.15)
    loop = nir.Linear(np.array([[0.5, -0.25], [0.25, 0.5]]))
    edges = [*line("input", name, name + "w", name), (name, "output")]
    inner = make_graph(edges, **{name: neurons, name + "w": loop})
    return make_graph(line("input", name, "output"), **{name: inner})


@pytest.fixture(scope="module")
def xs():
    return np.random.default_rng(10).random((12, 2))


@pytest.fixture(scope="module")
def plain(xs):
    net = nirx.from_nir(graph_of("lif"), "numpy", RULE, "float64")
    return net.run(xs, record=["lif/lif", "lif/lif.v"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.exhaustive if k % 4 else ()) for k, n in enumerate(ODD)],
    ids=ascii,
)
def test_a_name_changes_nothing(name, backend, xs, plain):
    ys, state, rec = plain
    net = Running(backend, graph_of(name), RULE, "float64")
    found, found_state, found_rec = net.run(xs, record=[(name, name), (name, name, "v")])
    assert np.array_equal(found, ys)
    assert np.array_equal(found_rec[name, name], rec["lif/lif"])
    assert_near(found_rec[name, name, "v"], rec["lif/lif.v"], 1e-12, name)
    assert_near(found_state[name][name]["v"], state["lif"]["lif"]["v"], 1e-12, name)
    again, end, _ = net.run(xs, found_state)
    assert list(end[name][name]["feedback"]) == list(found_state[name][name]["feedback"])
    assert again.shape == ys.shape


def test_the_plain_network_spikes(plain):
    assert 0 < plain[0].sum() < plain[0].size


def test_names_that_differ_in_one_character_stay_apart(backend):
    names = ["a.b", "a_b", "a/b", "a~1b", "A.b", "a.b ", "e\u0301", "\u00e9"]
    nodes: dict[str, Any] = {n: nir.Scale(np.array([i + 2.0])) for i, n in enumerate(names)}
    nodes |= {f"out{i}": nir.Output({"output": np.array([1])}) for i in range(len(names))}
    edges = [e for i, n in enumerate(names) for e in line("input", n, f"out{i}")]
    graph = make_graph(edges, 1, output=None, **nodes)
    ys, _, _ = Running(backend, graph, RULE, "float64").run(np.ones((1, 1)))
    assert {k: y.item() for k, y in ys.items()} == {f"out{i}": i + 2 for i in range(len(names))}
