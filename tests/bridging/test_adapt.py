"""`adapt_graph`: the nearest graph that a library can represent."""

# nir's annotations are narrower than what it takes and gives.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest

import nirx
from nirx.basics.type_map import TypeMap
from nirx.bridging.adapt import adapt_graph
from nirx.bridging.limits import Limits, require_uniform
from nirx.execution.refusal import NotRepresentable
from nirx_conformance.libraries.neurons import neuron
from support.graphs import chain

EULER = nirx.Discretization(dt=1e-3)


def around(node):
    return chain({"n": node}, takes=30)


def _only_subtracts(node, rule):
    Limits("lib.N", ({"reset": ("subtract",)},)).require(rule)
    require_uniform("lib.N", node, "tau")


def test_adapting_says_what_changed_and_leaves_the_graph_alone():
    graph = around(neuron("LIF"))
    before = graph.nodes["n"].tau.copy()
    node_map = TypeMap({nir.LIF: _only_subtracts})
    with pytest.raises(NotRepresentable, match="'n': reset='value'"):
        adapt_graph(graph, nirx.schedule(graph, EULER), node_map)
    found = adapt_graph(graph, nirx.schedule(graph, EULER), node_map, strict=False)
    assert [c.node for c in found.changes] == ["n", "n"]
    assert "reset='subtract'" in str(found.changes[0])
    assert found.discretization == replace(EULER, reset="subtract")
    assert nirx.from_nir(found.graph, "numpy").schedule.discretization == found.discretization
    np.testing.assert_allclose(found.graph.nodes["n"].tau, before.mean())
    np.testing.assert_array_equal(graph.nodes["n"].tau, before)


def _resets_at_once(node, rule):
    Limits("lib.N", ({"reset_when": ("same",), "output": ("new",)},)).require(rule)


LATE = replace(EULER, reset_when="next-leaked")


@pytest.mark.parametrize("kind", ["IF", "LIF", "CubaLIF"])
@pytest.mark.parametrize(
    "choices", [{}, {"reset": "subtract"}, {"threshold": "ge"}, {"spikes": "multi"}]
)
@pytest.mark.sampled(3)
def test_a_reset_before_the_next_leak_is_one_at_once_as_spikes_go(kind, choices):
    graph = around(neuron(kind))
    rule = replace(
        LATE, **{"reset": "subtract"} if choices == {"spikes": "multi"} else {}, **choices
    )
    node_map = TypeMap({type(graph.nodes["n"]): _resets_at_once})
    with pytest.raises(NotRepresentable, match="reset_when='next-leaked'"):
        adapt_graph(graph, nirx.schedule(graph, rule), node_map)
    found = adapt_graph(graph, nirx.schedule(graph, rule), node_map, exactly=True)
    (change,) = found.changes
    assert "has the same spikes" in str(change)
    assert found.discretization == replace(rule, reset_when="same")
    xs = np.random.default_rng(0).random((200, 2, 30)) * 9
    spikes = [
        nirx.from_nir(g, "numpy", d, "float64").run(xs)[0]
        for g, d in ((graph, rule), (found.graph, found.discretization))
    ]
    assert spikes[0].sum() > 50
    np.testing.assert_array_equal(*spikes)


@pytest.mark.parametrize("choices", [{"reset_when": "next"}, {"initial_v": "leak"}])
def test_other_resets_are_not_the_same_spikes(choices):
    graph = around(neuron("LIF"))
    if choices == {"initial_v": "leak"}:
        graph.nodes["n"].v_leak[...] = graph.nodes["n"].v_threshold + 1
    rule = replace(LATE, **choices)
    node_map = TypeMap({nir.LIF: _resets_at_once})
    with pytest.raises(NotRepresentable, match="reset_when"):
        adapt_graph(graph, nirx.schedule(graph, rule), node_map, exactly=True)


def _puts_out(output):
    def build(node, rule):
        Limits("lib.N", ({"output": (output,)},)).require(rule)

    return TypeMap({nir.LIF: build})


OLD = replace(EULER, reset="subtract", reset_when="next", output="old")


def _bits(graph, rule):
    xs = 9 * np.random.default_rng(0).random((60, 2, 30))
    ys, _ = nirx.from_nir(graph, "numpy", rule, "float64").run(xs)
    assert ys.any()
    return ys


def test_a_late_output_is_a_delay_and_back():
    graph = around(neuron("LIF"))
    with pytest.raises(NotRepresentable, match="output='old'"):
        adapt_graph(graph, nirx.schedule(graph, OLD), _puts_out("new"))
    late = adapt_graph(graph, nirx.schedule(graph, OLD), _puts_out("new"), exactly=True)
    assert [(c.node, c.exact) for c in late.changes] == [("n", True)]
    assert late.moved == {"n": "n/delay"}
    np.testing.assert_array_equal(_bits(graph, OLD), _bits(late.graph, late.discretization))
    schedule = nirx.schedule(late.graph, late.discretization)
    back = adapt_graph(late.graph, schedule, _puts_out("old"), exactly=True)
    assert back.moved == {"n/neuron": ""}
    np.testing.assert_array_equal(_bits(graph, OLD), _bits(back.graph, back.discretization))
    assert isinstance(graph.nodes["n"], nir.LIF)


def test_a_late_output_in_a_cycle_or_after_a_loud_start_stays_refused():
    looped = around(neuron("LIF"))
    looped.nodes["back"] = nir.Linear(np.eye(30))
    looped.edges += [("n", "back"), ("back", "n")]
    loud = around(neuron("LIF"))
    loud.nodes["n"].v_leak[...] = 9.0
    for graph, rule in ((looped, OLD), (loud, replace(OLD, initial_v="leak"))):
        with pytest.raises(NotRepresentable, match="output='old'"):
            adapt_graph(graph, nirx.schedule(graph, rule), _puts_out("new"), exactly=True)


def test_what_fits_is_not_changed():
    graph = around(neuron("LIF"))
    found = adapt_graph(
        graph, nirx.schedule(graph, EULER), TypeMap({nir.LIF: lambda node, rule: None})
    )
    assert found.changes == ()
    assert found.discretization == EULER
    assert nirx.same_graph(found.graph, graph)


def test_a_refusal_without_anything_near_is_final():
    def refuse(node):
        raise NotRepresentable("this", "nothing like it")

    graph = around(neuron("LIF"))
    with pytest.raises(NotRepresentable, match="'n': this; nothing like it"):
        adapt_graph(graph, nirx.schedule(graph, EULER), TypeMap({nir.LIF: refuse}), strict=False)
