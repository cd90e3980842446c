"""Every non-empty string works as a node name, on every backend and through a file."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
from support.agreement import assert_near
from support.running import Running

RULE = nirx.Discretization(dt=1e-3)
ODD = [
    *("self", "forward", "run", "schedule", "training", "in", "None", "0", "feedback", "v"),
    *("__deepcopy__", "__class__", "nodes", "arrays"),
    *(".", "..", "a.b", "a/b", "~0", "~1", "it's", '"quoted"', "two\nlines", "tab\t", "nul\0"),
    *(
        "[bold]",
        "100%",
        "%2F",
        "{x}",
        "läif",
        "神经元",
        "\U0001f9e0",
        "e\u0301",
        "\u202e",
        "\ud800",
    ),
]


def graph_of(name: str) -> nir.NIRGraph:
    """input -> lif with a feedback loop of odd names, in a subgraph of an odd name."""
    two = np.array([2])
    values = ([4e-3, 5e-3], [2.0, 3.0], [0.0, 0.0], [0.1, 0.2], [0.0, 0.0])
    lif = nir.LIF(*(np.array(value) for value in values))
    inner = nir.NIRGraph(
        {
            "i": nir.Input(two),
            name: lif,
            name + "w": nir.Linear(np.array([[0.5, -0.25], [0.25, 0.5]])),
            "o": nir.Output(two),
        },
        [("i", name), (name, name + "w"), (name + "w", name), (name, "o")],
        type_check=False,
    )
    nodes = {"input": nir.Input(two), name: inner, "output": nir.Output(two)}
    return nir.NIRGraph(nodes, [("input", name), (name, "output")], type_check=False)


@pytest.fixture(scope="module")
def xs():
    return np.random.default_rng(10).random((12, 2))


@pytest.fixture(scope="module")
def plain(xs):
    net = nirx.from_nir(graph_of("lif"), "numpy", RULE, "float64")
    return net.run(xs, record=["lif/lif", "lif/lif.v"])


@pytest.mark.parametrize("name", ODD, ids=ascii)
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


def test_names_that_differ_in_one_sign_stay_apart(backend):
    names = ["a.b", "a_b", "a/b", "a~1b", "A.b", "a.b ", "e\u0301", "\u00e9"]
    nodes = {n: nir.Scale(np.array([float(i + 2)])) for i, n in enumerate(names)}
    every = {"input": nir.Input(np.array([1])), **nodes}
    every |= {f"out{i}": nir.Output(np.array([1])) for i in range(len(names))}
    edges = [("input", n) for n in names] + [(n, f"out{i}") for i, n in enumerate(names)]
    graph = nir.NIRGraph(every, edges, type_check=False)
    ys, _, _ = Running(backend, graph, RULE, "float64").run(np.ones((1, 1)))
    assert {k: y.item() for k, y in ys.items()} == {f"out{i}": i + 2 for i in range(len(names))}
