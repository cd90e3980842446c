"""Where no rule explains a node, a gain of its input or threshold is searched, and said."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest

import nirx
from nirx.diagnosis.gains import AS_IS, Gain, scaled_graph, shortest_between
from support.diagnosing import (
    DT1,
    SUBTRACTS,
    counts,
    cuba,
    find,
    layers,
    reals,
    record,
    shifted,
    smooth_layers,
)
from support.graphs import chain

XS = counts(4) * 2
EXPONENTIAL = replace(SUBTRACTS, integrator="exponential")


def found_with(gain, rule, *keys, graph=None, xs=XS, node="a", **options):
    """The diagnosis of a recording of a graph that had a gain, with the graph that has none."""
    graph = layers(1) if graph is None else graph
    observed = record(scaled_graph(graph, {(node,): gain}), rule, xs, *keys)
    return nirx.diagnose(graph, xs, observed, **{"discretization": DT1, **options})


PLANTS = [
    (Gain(0.1), DT1, ("a",)),
    (Gain(0.4), SUBTRACTS, ("a",)),
    pytest.param(Gain(0.1), DT1, ("a", "a.v"), marks=pytest.mark.slow),
    pytest.param(Gain(1.7), DT1, ("a.v",), marks=pytest.mark.slow),
    pytest.param(Gain(1, 0.5), DT1, ("a.v",), marks=pytest.mark.slow),
    pytest.param(Gain(0.3, 2.0), DT1, ("a", "a.v"), marks=pytest.mark.slow),
    pytest.param(Gain(0.4, 1.5), SUBTRACTS, ("a.v",), marks=pytest.mark.slow),
    pytest.param(
        Gain(0.7),
        replace(SUBTRACTS, integrator="exponential"),
        ("a", "a.v"),
        marks=pytest.mark.slow,
    ),
    pytest.param(
        Gain(0.3), replace(SUBTRACTS, spikes="multi"), ("a", "a.v"), marks=pytest.mark.slow
    ),
    pytest.param(
        Gain(0.6), replace(SUBTRACTS, reset_when="next"), ("a", "a.v"), marks=pytest.mark.slow
    ),
]


@pytest.mark.parametrize(("gain", "rule", "keys"), PLANTS)
@pytest.mark.sampled(3)
def test_a_planted_gain_is_found(gain, rule, keys):
    found = found_with(gain, rule, *keys)
    best = found["a"].best.gain
    assert best == gain
    assert found["a"].allows(rule)
    assert not found.explained
    assert found.explained_by_gains
    assert found.gains == {"a": best}
    assert f"no rule alone explains a; it fits with {gain.text()}" in found.explain()
    if "a.v" not in keys:
        assert best.low < gain.input < best.high
        assert "any factor of the input from " in found.explain()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [nir.CubaLIF, nir.IF, nir.LI, nir.Threshold])
@pytest.mark.sampled(2)
def test_other_nodes(kind):
    ones = np.ones(12)
    node = {
        nir.CubaLIF: cuba(),
        nir.IF: nir.IF(0.3 * ones, ones),
        nir.LI: nir.LI(4 * ones, ones, 0.2 * ones),
        nir.Threshold: nir.Threshold(np.linspace(1, 3, 12)),
    }[kind]
    gain = Gain(1.0, 1.5) if kind is nir.Threshold else Gain(0.4)
    xs = reals_of(12) if kind is nir.Threshold else XS
    found = found_with(gain, DT1, "a", graph=chain({"a": node}, 12), xs=xs)
    assert found["a"].best.gain == gain
    assert found.explained_by_gains


def reals_of(size):
    return 5 * np.random.default_rng(4).random((200, 4, size))


def test_none_is_claimed_where_a_rule_without_one_fits():
    # with the leak at 0, half the threshold is twice the input; but no factor is asked for
    found = find(layers(1), replace(SUBTRACTS, threshold="ge"), XS, "a")
    assert found.explained
    assert found["a"].best.gain is AS_IS
    assert not found.gains
    assert found.to_dict()["nodes"][0]["gain"] is None
    assert "scaled by" not in str(found)


def test_none_is_claimed_where_none_explains_everything():
    graph = layers(1)
    other = layers(1)
    other.nodes["a"].tau = other.nodes["a"].tau * 1.4
    observed = record(other, DT1, XS, "a")
    found = nirx.diagnose(graph, XS, observed, discretization=DT1)
    assert not found.explained
    assert not found.explained_by_gains
    assert not found.gains


def test_none_is_claimed_from_two_spikes():
    xs = np.zeros((60, 12))
    xs[[10, 30], 0] = 40.0
    found = found_with(Gain(0.15), DT1, "a", xs=xs * 1.0)
    assert not found.gains


@pytest.mark.slow
def test_the_layer_that_has_it_is_named_and_the_other_is_not():
    graph = smooth_layers(2)
    found = found_with(Gain(0.8), SUBTRACTS, "a", "b", graph=graph, xs=reals() * 3, node="b")
    assert set(found.gains) == {"b"}
    low, high = found.gains["b"].low, found.gains["b"].high
    assert low < 0.8 < high
    assert found.discretization.reset == "subtract"
    assert found.explained_by_gains


@pytest.mark.slow
def test_a_late_recording_has_a_gain_too():
    graph, gain = smooth_layers(1), Gain(0.8)
    observed = record(scaled_graph(graph, {("a",): gain}), DT1, reals() * 3, "a", "a.v")
    late = {key: shifted(own) for key, own in observed.items()}
    found = nirx.diagnose(graph, reals() * 3, late, discretization=DT1)
    assert found["a"].best.gain == gain
    assert found["a"].best.shift == 1


@pytest.mark.slow
def test_a_membrane_in_its_own_units_leaves_the_gain_to_the_spikes():
    graph, xs = smooth_layers(1), reals() * 3
    observed = record(scaled_graph(graph, {("a",): Gain(0.5)}), DT1, xs, "a", "a.v")
    observed["a.v"] = 300 * observed["a.v"] + 7
    found = nirx.diagnose(graph, xs, observed, discretization=DT1)
    assert found["a"].best.gain.low < 0.5 < found["a"].best.gain.high
    assert found["a"].best.gain.threshold == 1.0


def test_it_goes_into_json_and_text():
    found = found_with(Gain(0.1), DT1, "a")
    own = found.to_dict()
    assert own["explained"] is False
    assert own["explained_by_gains"] is True
    gain = own["nodes"][0]["gain"]
    assert gain["input"] == 0.1
    assert gain["threshold"] == 1.0
    assert gain["low"] < 0.1 < gain["high"]
    assert gain["text"] == "fits with the input scaled by 0.1"
    assert own["nodes"][0]["candidates"][0]["gain"] == gain
    assert "the input scaled by 0.1" in str(found)
    assert "with these gains, a free run of the whole graph reproduces every recording" in str(
        found
    )


def test_the_graph_is_not_changed():
    graph = chain({"s": layers(1)}, 12)
    before = graph.nodes["s"].nodes["a"].r.copy()
    scaled = scaled_graph(graph, {("s", "a"): Gain(0.5, 2.0)})
    assert np.array_equal(graph.nodes["s"].nodes["a"].r, before)
    assert np.array_equal(scaled.nodes["s"].nodes["a"].r, 0.5 * before)
    assert scaled_graph(graph, {("s", "a"): AS_IS}) is graph


@pytest.mark.parametrize(
    ("low", "high", "number"),
    [
        (0.09, 0.12, 0.1),
        (0.0961, 0.0999, 0.098),
        (24.9, 25.3, 25.0),
        (1.3, np.inf, 2.0),
        (0.5, 0.5, None),
    ],
)
def test_the_roundest_number_of_a_range(low, high, number):
    assert shortest_between(low, high) == number
