"""A diagnosis in plain words, hedged where it has to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import nirx
from nirx.diagnosis.phrases import PHRASES, phrase
from nirx.dynamics.discretization import CHOICES
from support.diagnosing import DT1, SUBTRACTS, counts, find, layers, record, shifted


def lines(found: nirx.Diagnosis) -> list[str]:
    return found.explain().split("\n")


def test_every_value_of_every_choice_has_a_phrase():
    assert {name for name, _ in PHRASES} == set(CHOICES)
    assert all((name, value) in PHRASES for name in CHOICES for value in CHOICES[name])
    assert phrase({"reset": "none", "reset_when": "same"}) == "is never reset"
    assert phrase({"reset": "subtract"}) == "subtracts the threshold"
    assert phrase({"reset_when": "next"}) == "is reset one step late"


def test_a_change_is_named_with_what_was_asked_for():
    found = find(layers(1), replace(SUBTRACTS, reset_when="next"), counts(), "a")
    assert (
        "a subtracts the threshold one step late (reset='subtract', reset_when='next'); "
        "you asked for reset='value', reset_when='same'" in found.explain()
    )
    assert "a (LIF), by a" in str(found)
    assert found.explain() in str(found)


def test_what_spikes_cannot_tell_is_left_open():
    said = lines(find(layers(1), SUBTRACTS, counts(), "a"))
    assert said[0] == "a subtracts the threshold (reset='subtract'); you asked for reset='value'"
    assert "left open for a: reset_when: 'same' or 'next-leaked'" in said


def test_no_change_is_said_too():
    found = find(layers(1), DT1, counts(), "a")
    assert "a does what you asked for" in found.explain()
    assert found.discretization == DT1


def test_the_default_is_not_what_somebody_asked_for():
    graph, xs = layers(1), counts()
    observed = record(graph, SUBTRACTS, xs, "a")
    assert "; the default is reset='value'" in nirx.diagnose(graph, xs, observed, dt=1.0).explain()
    graph.metadata["nirx_discretization"] = DT1.to_json()
    assert "; you asked for reset='value'" in nirx.diagnose(graph, xs, observed).explain()


def test_a_recording_without_spikes_names_no_mechanism():
    said = lines(find(layers(1), DT1, counts(), "a", disturb={"a": np.zeros_like}))
    assert said[0].startswith("the recording of a has no spikes at all, where the best rule gives")
    assert not any("one step late" in line or "left open" in line for line in said)


def test_where_little_is_explained_no_mechanism_is_named():
    found = find(layers(1), DT1, counts(), "a", disturb={"a": lambda spikes: 1 - spikes})
    best = found["a"].best
    assert lines(found)[0] == (
        f"no rule explains a: the best one explains {best.spikes_matched:,} of {best.spikes:,} "
        "spikes; check the input, the graph, the dt (--dt) and the unit"
    )
    assert not any("best one so far" in line or "left open" in line for line in lines(found))


def test_an_imperfect_explanation_pins_nothing_and_is_hedged():
    def disturb(spikes):
        late = shifted(spikes, 2)
        late[60, 0, 3] = 1 - late[60, 0, 3]
        return late

    limits = {"output": ["new"]}
    found = find(layers(1), SUBTRACTS, counts(2), "a", disturb={"a": disturb}, choices=limits)
    assert found["a"].pinned == {}
    assert "the best one so far: the recording of a is 2 steps late" in lines(found)
    assert "the recording of a is 2 steps late" not in lines(found)
    assert not any(line.startswith("left open") for line in lines(found))
