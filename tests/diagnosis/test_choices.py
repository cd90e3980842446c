"""`nirx.diagnose` finds every choice of a single neuron from its spikes, its v and its i."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nirx
from nirx.diagnosis.candidates import ORDER, Space, values_of
from nirx.dynamics.discretization import CHOICES
from support.diagnosing import DT1, SUBTRACTS, counts, cuba, find, layers, record
from support.graphs import chain

PLANTS: list[dict[str, Any]] = [
    {"integrator": "exponential"},
    {"threshold": "ge"},
    {"reset": "subtract"},
    {"reset": "none"},
    {"reset_when": "next"},
    {"reset_when": "next-leaked"},
    {"reset": "subtract", "reset_when": "next"},
    {"reset": "subtract", "reset_when": "next-leaked"},
    {"spikes": "multi"},
    {"spikes": "multi", "max_spikes": 2},
    {"reset_when": "next", "output": "old"},
    {"reset": "none", "output": "old"},
    {"initial_v": "leak"},
]
SYNAPTIC: list[dict[str, Any]] = [
    {"synapse": "voltage-first"},
    {"synapse_input": "jump"},
    {"synapse_input": "jump-then-decay"},
    {"synapse": "voltage-first", "synapse_input": "jump", "reset": "subtract"},
]


def spikes_cannot_tell(name: str, value: Any) -> Any:
    """Spikes do not tell a late output from a late recording.

    Nor do they tell a reset after the spike from one before the next leak: only v differs.
    """
    if (name, value) == ("output", "old"):
        return ("old", "new")
    return ("same", "next-leaked") if (name, value) == ("reset_when", "next-leaked") else None


@pytest.mark.parametrize("plant", PLANTS, ids=str)
@pytest.mark.sampled(3)
def test_a_planted_choice_of_a_lif_is_found_from_spikes(plant):
    rule = replace(DT1, **plant)
    found = find(layers(1), rule, counts(4) * 2, "a")
    assert found.explained
    assert found["a"].allows(rule)
    for name, value in plant.items():
        assert found["a"].possible[name] in ((value,), spikes_cannot_tell(name, value))
    if not found["a"].open:
        assert found.discretization == rule


@pytest.mark.slow
@pytest.mark.parametrize(
    "plant",
    [
        SYNAPTIC[0],
        *(pytest.param(p, marks=pytest.mark.exhaustive) for p in (*PLANTS, *SYNAPTIC[1:])),
    ],
    ids=str,
)
def test_a_planted_choice_of_a_cuba_lif_is_found_from_spikes(plant):
    rule = replace(DT1, **plant)
    xs = counts(4) * (2 if "max_spikes" in plant else 1)
    found = find(chain({"a": cuba()}, 12), rule, xs, "a")
    assert found.explained
    assert found["a"].allows(rule)
    for name, value in plant.items():
        if name == "threshold":  # there are no ties behind a synapse
            assert set(found["a"].possible[name]) == {"gt", "ge"}
        else:
            assert found["a"].possible[name] in ((value,), spikes_cannot_tell(name, value))


def test_every_choice_of_a_node_is_searched():
    schedule = nirx.schedule(chain({"a": cuba()}, 12), DT1)
    dynamics = schedule.nodes[schedule.positions[("a",)]].dynamics
    assert dynamics is not None
    values = values_of(dynamics, {"v_threshold": np.ones(1), "v_leak": np.ones(1)}, DT1, 3)
    assert set(values) == {*ORDER} - {"feedback", "feedback_initial"}
    assert all(set(values[name]) == set(CHOICES[name]) for name in values if name in CHOICES)
    assert values["max_spikes"] == (None, 3)


def test_choices_with_equal_meaning_are_tried_once():
    values = {name: CHOICES[name] for name in ("threshold", "reset", "reset_when", "spikes")}
    values |= {"output": CHOICES["output"], "max_spikes": (None, 2)}
    start = {name: own[0] for name, own in values.items()}
    tried = Space(values, start, False).candidates()
    assert len(tried) == 12 * 4  # legal resets, times: gt, ge, any count, at most 2
    assert tried[0] == start
    assert len({tuple(own.items()) for own in tried}) == len(tried)


@pytest.mark.slow
def test_v_alone_and_i_alone_are_enough():
    graph, xs = chain({"a": cuba()}, 12), counts()
    rule = replace(SUBTRACTS, synapse="voltage-first", synapse_input="jump")
    by_v = find(graph, rule, xs, "a.v")
    assert by_v.explained
    for name in ("synapse", "synapse_input", "reset"):
        assert by_v["a"].pinned[name] == getattr(rule, name)
    by_i = find(graph, rule, xs, "a.i")
    assert by_i["a"].pinned["synapse_input"] == "jump"
    assert set(by_i["a"].open) >= {"reset", "synapse"}


@pytest.mark.slow
def test_batches_count_like_more_neurons():
    xs, rule = counts(2, 3), replace(SUBTRACTS, integrator="exponential")
    found = find(chain({"a": cuba()}, 12), rule, xs, "a", "a.v")
    assert found.explained
    assert found["a"].allows(rule)
    assert found["a"].best.samples == xs.size


def test_a_silent_neuron_leaves_threshold_and_reset_open():
    found = find(layers(1), replace(SUBTRACTS, threshold="ge"), counts() * 0.01, "a")
    assert found["a"].silent
    assert set(found["a"].open) >= {"threshold", "reset", "reset_when", "spikes"}
    assert found["a"].best.changes == ()
    assert "a never spikes: the recording says nothing about threshold and reset" in str(found)


def test_dt_is_searched_among_several():
    graph, xs = layers(1), counts()
    observed = record(graph, replace(SUBTRACTS, dt=0.5), xs, "a")
    found = nirx.diagnose(graph, xs, observed, dt=[1.0, 0.5, 0.25])
    assert found.discretization.dt == 0.5
    assert found["a"].pinned["dt"] == 0.5
    assert found.asked.dt == 1.0
    assert found.explained
    assert "a has time steps of 0.5" in found.explain()


def test_choices_limit_the_search():
    limits = {"reset": ["value", "none"], "integrator": ["euler"], "max_spikes": [None]}
    found = find(layers(1), SUBTRACTS, counts(), "a", choices=limits)
    assert not found.explained
    assert found["a"].best.choices["reset"] in ("value", "none")
