"""`nirx.diagnose` in networks: each node driven by recordings, one rule for the graph."""

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest

import nirx
from nirx.dynamics.discretization import CHOICES
from support.diagnosing import DT1, SIZE, SUBTRACTS, counts, find, layers, loop, tied_lif
from support.graphs import chain, lif, line, make_graph, neuron


def leaky(v_leak: float = 0.0) -> nir.LI:
    return neuron(nir.LI, SIZE, r=2.0, v_leak=v_leak)


def test_every_node_is_driven_by_its_own_recorded_input():
    """The middle layer differs, and only the middle layer."""
    rule = replace(DT1, overrides={"b": {"reset": "subtract", "threshold": "ge"}})
    found = find(layers(3), rule, counts(), "a", "b", "c")
    assert [n.node for n in found.nodes] == ["a", "b", "c"]
    assert "reset" in found["b"].best.changes
    assert found["a"].best.changes == found["c"].best.changes == ()
    assert found.explained
    assert all(found[n].allows(rule) for n in "abc")
    assert found.discretization.overrides["b"]["reset"] == "subtract"
    assert set(found.discretization.overrides) == {"b"}


def test_the_rule_that_most_nodes_share_is_the_base():
    rule = replace(SUBTRACTS, overrides={"b": {"reset": "value"}})
    found = find(layers(3), rule, counts(), "a", "b", "c")
    assert found.explained
    assert found.discretization.reset == "subtract"
    assert dict(found.discretization.overrides["b"]) == {"reset": "value"}


def test_what_no_recording_depends_on_stays_as_asked():
    start = replace(DT1, synapse="voltage-first", overrides={"b": {"reset": "none"}})
    graph = chain({"a": tied_lif(), "b": tied_lif()}, SIZE)
    assert find(graph, start, counts(), "a", discretization=start).discretization == start


def test_unrecorded_neurons_share_the_rule_of_the_next_recorded_one():
    graph = chain({"li": leaky(), "a": tied_lif()}, SIZE)
    rule = replace(SUBTRACTS, integrator="exponential")
    found = find(graph, rule, counts(), "a")
    assert found["a"].searched_with == ("li",)
    assert found["a"].allows(rule)
    assert found.explained
    assert found.discretization.integrator == "exponential"
    assert found.discretization.at(("li",)).integrator == "exponential"
    assert "a shares its rule with li" in found.explain()


@pytest.mark.slow
def test_v_does_not_drive_the_next_layer():
    """Its spikes do; they were not recorded, so the two layers share a rule."""
    rule = replace(SUBTRACTS, integrator="exponential")
    found = find(layers(), rule, counts(), "a.v", "b.v")
    assert found["a"].searched_with == ()
    assert found["b"].searched_with == ("a",)
    assert found.explained
    assert found.discretization == rule


def test_a_recorded_value_is_explained_and_drives_the_next_node():
    graph = chain({"li": leaky(0.25), "a": tied_lif()}, SIZE)
    own = {"integrator": "exponential", "initial_v": "leak"}
    found = find(graph, replace(DT1, overrides={"li": own}), counts(), "li", "output")
    assert found["li"].pinned.items() >= own.items()
    assert found["a"].searched_with == ()
    assert found["a"].best.changes == ()
    assert found.explained


def test_delays_are_computed_and_thresholds_are_searched():
    n = np.ones(SIZE)
    steps = {"d": nir.Delay(n * 2), "t": nir.Threshold(n * 2), "e": nir.Delay(n), "a": tied_lif()}
    graph, xs, rule = chain(steps, SIZE), counts(), replace(DT1, threshold="ge")
    found = find(graph, rule, xs, "t")
    assert found["t"].possible == {"threshold": ("ge",)}
    assert found.explained
    both = find(graph, rule, xs, "a")
    assert both["a"].searched_with == ("t",)
    assert both["a"].allows(rule)


@pytest.mark.parametrize("initial", CHOICES["feedback_initial"])
def test_a_recurrent_neuron_is_driven_by_its_own_recording(initial):
    rule = replace(SUBTRACTS, feedback_initial=initial)
    found = find(loop(), rule, counts(), "output")
    assert found["lif"].pinned["reset"] == "subtract"
    assert found["lif"].allows(rule)
    assert found.explained
    # Where the input starts with 0, the first step tells whether the bias was there already. (With
    # feedback="component" it always is: then the late edge is the one before the Affine.)
    other = "zero" if initial == "silent" else "silent"
    assert not found["lif"].allows(replace(rule, feedback_initial=other))


@pytest.mark.slow
def test_the_feedback_rule_is_searched_where_it_matters():
    edges = [*line("input", "a", "b", "a"), ("b", "output")]
    graph = make_graph(edges, SIZE, a=tied_lif(), b=lif(SIZE, tau=2.0, r=3.0))
    xs, rule = counts(), replace(DT1, feedback="component")
    found = find(graph, rule, xs, "a", "b")
    assert found.discretization.feedback == "component"
    assert found.explained
    alone = find(graph, rule, xs, "b")  # now the whole loop is simulated, a under b's rule
    assert alone["b"].searched_with == ("a",)
    assert alone["b"].allows(rule)
    assert alone.explained


@pytest.mark.slow
def test_a_loop_of_a_neuron_whose_spikes_were_not_recorded():
    graph = chain({"a": tied_lif()}, SIZE, extra=[("a", "a")])
    found = find(graph, SUBTRACTS, counts(), "a.v", discretization=None, dt=[1.0, 0.5])
    assert found["a"].allows(SUBTRACTS)
    assert found["a"].pinned["dt"] == 1.0
    assert found.explained


def test_in_a_loop_the_free_run_tells_a_late_neuron_from_a_late_recording():
    rule = replace(DT1, reset_when="next-leaked", output="old")
    found = find(loop(), rule, counts(2), "lif")
    assert found.explained
    assert found["lif"].best.shift == 0
    assert found.discretization.output == "old"


def test_a_node_that_was_not_recorded_has_no_verdict():
    with pytest.raises(nirx.InputError, match="no verdict on 'b': it was not recorded"):
        find(layers(1), DT1, counts(), "a")["b"]
