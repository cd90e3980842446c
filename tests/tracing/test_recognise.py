"""`nirx.recognise`: whole graphs."""

from __future__ import annotations

import json
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx import formulas as f
from nirx.graphs.returns import RETURNS_KEY
from support.graphs import line, make_graph


def soft(x, s, p):
    mem = p.beta * s.mem + x
    z = f.spike(mem, p.theta)
    return z, {"mem": mem - z * p.theta, "count": s.count + z}


def squared(x, s, p):
    v = 0.5 * s.v * s.v + x
    return v, {"v": v}


def a_soft() -> nirx.Neuron:
    return nirx.neuron(
        soft,
        parameters={"beta": np.array([0.5, 0.75]), "theta": np.array(1.0)},
        states={"mem": 0.0, "count": 0.0},
    )


def a_squared() -> nirx.Neuron:
    return nirx.neuron(squared, states={"v": 0.0})


def two_layers(**more: Any) -> nir.NIRGraph:
    edges = line("input", "a", "b", *more, "output")
    return make_graph(edges, np.array([2]), a=a_soft(), b=a_squared(), **more)


def outputs(graph: nir.NIRGraph, xs: np.ndarray, rule: Any = None) -> np.ndarray:
    return nirx.from_nir(graph, "numpy", rule, "float64").run(xs)[0]


@pytest.fixture
def xs() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1.5, (50, 3, 2))


def test_what_is_recognised_runs_the_same(xs: np.ndarray):
    graph = two_layers()
    new, changes = nirx.recognise(graph)
    assert type(new.nodes["a"]) is nir.LIF
    assert type(new.nodes["b"]) is nirx.Neuron
    assert type(graph.nodes["a"]) is nirx.Neuron
    assert [c.where for c in changes] == ["a"]
    assert "'soft' equals NIR's LIF with reset='subtract'" in str(changes[0])
    assert outputs(graph, xs).any()
    np.testing.assert_allclose(outputs(new, xs), outputs(graph, xs), rtol=1e-9)


def test_the_other_nodes_keep_their_choices(xs: np.ndarray):
    tau, one = np.array([2e-3, 3e-3]), np.ones(2)
    other = nir.LIF(tau, one, 0 * one, 0.1 * one, 0 * one)
    graph = two_layers(other=other)
    rule = nirx.Discretization(dt=1e-3, integrator="exponential", threshold="ge")
    new, _ = nirx.recognise(graph, rule)
    stored = nirx.Discretization.from_json(new.metadata["nirx_discretization"])
    assert dict(stored.overrides["a"]) == {
        "integrator": "euler",
        "threshold": "gt",
        "reset": "subtract",
    }
    assert list(stored.overrides) == ["a"]
    lif: Any = new.nodes["a"]
    np.testing.assert_allclose(lif.tau, [2e-3, 4e-3])
    assert outputs(graph, xs, rule).any()
    np.testing.assert_array_equal(outputs(new, xs), outputs(graph, xs, rule))


def test_a_lone_neuron_is_wrapped():
    new, (change,) = nirx.recognise(a_soft())
    assert [type(n) for n in new.nodes.values()] == [nir.Input, nir.LIF, nir.Output]
    assert change.where == "neuron"


def test_a_graph_without_such_neurons_is_copied():
    graph = make_graph(line("input", "b", "output"), np.array([2]), b=a_squared())
    new, changes = nirx.recognise(graph)
    assert changes == ()
    assert nirx.same_graph(new, graph)


def test_a_returned_state_has_the_name_of_nirs():
    graph = two_layers()
    graph.metadata = {RETURNS_KEY: json.dumps(["output", "a.mem"])}
    new, changes = nirx.recognise(graph)
    assert len(changes) == 1
    assert json.loads(new.metadata[RETURNS_KEY]) == ["output", "a.v"]


def test_a_neuron_with_a_returned_state_that_nir_lacks_stays():
    graph = two_layers()
    graph.metadata = {RETURNS_KEY: json.dumps(["output", "a.count"])}
    new, changes = nirx.recognise(graph)
    assert changes == ()
    assert type(new.nodes["a"]) is nirx.Neuron


def test_what_is_no_graph_is_refused():
    with pytest.raises(nirx.InputError, match="got a list"):
        nirx.recognise([])
