"""`nirx.diagnose` of recordings that are late or early, and how it tells them from late neurons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nirx
from support.diagnosing import (
    DT1,
    SUBTRACTS,
    counts,
    find,
    layers,
    noisy,
    reals,
    record,
    shifted,
    smooth_layers,
)

LATE = replace(SUBTRACTS, reset_when="next-leaked", output="old")
"""Emits the spikes of `SUBTRACTS` one step later."""


@pytest.mark.parametrize("shift", [2, 1, -1, -2])
def test_a_recording_that_is_late_or_early(shift):
    options: Any = {"disturb": {"a": lambda spikes: shifted(spikes, shift)}}
    options["choices"] = {"output": ["new"]}  # "old" is a shift by itself
    found = find(layers(1), DT1, counts(), "a", **options)
    assert found["a"].best.shift == shift
    assert found["a"].best.changes == ()
    assert found.explained
    assert ("late" if shift > 0 else "early") in found.explain()
    on_time = find(layers(1), DT1, counts(), "a", **options, max_shift=0)
    assert on_time["a"].best.shift == 0
    assert not on_time.explained


def test_shifts_add_up_in_the_free_run():
    late, new = {"a": shifted, "b": shifted}, {"output": ["new"]}
    found = find(layers(), DT1, counts(), "a", "b", disturb=late, choices=new)
    assert [found[n].best.shift for n in "ab"] == [1, 0]
    assert [c.shift for c in found.confirmed] == [1, 1]


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_short_recordings(steps):
    xs, graph = reals()[:steps] * 3, smooth_layers()
    rec = record(graph, SUBTRACTS, xs, "a", "a.v")
    for seen in (rec, {"a": rec["a"]}, {"a": rec["a"], "a.v": noisy(rec["a.v"])}):
        node = nirx.diagnose(graph, xs, seen, discretization=DT1)["a"]
        assert node.allows(SUBTRACTS)
        assert node.best.shift == 0


def second_layer_late(*keys: str, **options: Any) -> nirx.Diagnosis:
    """Two layers that subtract; the recording of the second is one step late."""
    late = {key: shifted for key in keys if key.startswith("b")}
    return find(layers(), SUBTRACTS, counts(2), *keys, disturb=late, **options)


def test_a_late_recording_is_not_taken_for_a_late_neuron():
    found = second_layer_late("a", "b")
    node = found["b"]
    assert found.explained
    assert (found.discretization, node.best.shift) == (SUBTRACTS, 1)
    assert node.allows(SUBTRACTS)
    assert node.allows(LATE)
    assert not {"reset_when", "output"} & set(node.pinned)
    assert node.pinned["reset"] == "subtract"
    said = [line for line in found.explain().split("\n") if "b " in line]
    assert said[:3] == [
        "the recording of b is 1 step late",
        "b subtracts the threshold (reset='subtract'); you asked for reset='value'",
        "or: b with reset='subtract', reset_when='next-leaked', output='old', its recording on "
        "time; record b.v to tell",
    ]


@pytest.mark.slow
def test_v_tells_a_late_recording_from_a_late_neuron():
    found = second_layer_late("a", "a.v", "b", "b.v")
    assert found["b"].best.shift == 1
    assert found["b"].alternatives == {}
    assert found["b"].pinned["output"] == "new"
    assert "or: " not in found.explain()


def test_a_recording_known_to_be_on_time_pins_the_output():
    found = second_layer_late("a", "b", max_shift=0)
    assert found["b"].pinned["output"] == "old"
    assert found["a"].pinned["output"] == "new"
    assert found.explained
    assert found["b"].alternatives == {}


def test_what_the_other_layers_do_decides_what_is_late():
    """By itself "never reset and late" is as many changes as "never reset, output='old'"."""
    rule, xs = replace(DT1, reset="none"), counts(2)
    found = find(layers(), rule, xs, "a", "b", disturb={"b": shifted})
    assert found["b"].best.shift == 1
    assert found.discretization == rule
    assert found.explained
    alone = find(layers(1), rule, xs, "a", disturb={"a": shifted})
    assert (alone["a"].best.shift, alone["a"].best.choices["output"]) == (0, "old")
    assert "or: a with reset='none', its recording 1 step late" in alone.explain()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_shift_does_not_win_by_comparing_less(seed):
    """A late neuron recorded early has the same spikes, and fewer of them are compared."""
    xs = reals(seed)
    flipped = np.random.default_rng(seed).random(xs.shape) < 0.01
    flipped[-1, 0, 0] = flipped[-2, 1, 1] = True
    flip = {"a": lambda spikes: np.where(flipped, 1 - spikes, spikes)}
    found = find(smooth_layers(), SUBTRACTS, xs, "a", disturb=flip)
    node = found["a"]
    assert (node.best.shift, found.discretization) == (0, SUBTRACTS)
    assert node.best.mismatches == flipped.sum()
    assert node.allows(LATE)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(
    "keys",
    [("a", "b"), pytest.param(("a", "a.v", "b", "b.v"), marks=pytest.mark.slow)],
    ids=["spikes", "v"],
)
@pytest.mark.sampled(2)
def test_if_every_recording_is_late_the_free_run_explains_it(steps, keys):
    late = {key: lambda values: shifted(values, steps) for key in keys}
    found = find(smooth_layers(2), SUBTRACTS, reals(), *keys, disturb=late)
    assert found.explained
    assert found.first_divergence is None
    assert found.discretization == SUBTRACTS
    assert {c.shift for c in found.confirmed} == {steps}
    if "b.v" in keys:  # by itself b is not explained: a bias reached it before its recording
        assert not found["b"].best.explains_all
        assert found["b"].best.first_divergence is not None
        said = found.explain()
        assert "driven by its recorded input, b first fails at step 0, b.v[0, 0]: " in said
        plural = "s" if steps > 1 else ""
        assert f"every recording is {steps} step{plural} late" in said
        assert "according to the free run: b subtracts the threshold" in said
        assert "no candidate explains" not in said


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "most"), [(3, 2), (2, 1)])
def test_a_shift_beyond_max_shift_leaves_the_output_open(shift, most):
    run, late = (smooth_layers(), SUBTRACTS, reals(), "a"), {"a": lambda v: shifted(v, shift)}
    found = find(*run, disturb=late, max_shift=most)
    node = found["a"]
    assert found.explained
    assert node.best.shift == most
    assert node.allows(SUBTRACTS)
    assert not {"output", "reset_when"} & set(node.pinned)
    assert node.pinned["reset"] == "subtract"
    assert (
        f"or: a with reset='subtract', its recording {shift} steps late; to search that far, "
        f"set max_shift={shift} (--max-shift); record a.v to tell" in found.explain()
    )
    wider = find(*run, disturb=late, max_shift=shift)
    assert (wider["a"].best.shift, wider.discretization) == (shift, SUBTRACTS)
    assert wider["a"].pinned == node.pinned


@pytest.mark.slow
def test_each_unrecorded_neuron_extends_the_search_beyond_max_shift():
    """The neuron before was not recorded: both may be late by a step."""
    graph, late = smooth_layers(2, bias=0.0), {"b": lambda spikes: shifted(spikes, 3)}
    found = find(graph, SUBTRACTS, reals() * 2, "b", disturb=late, max_shift=1)
    assert found.explained
    assert found["b"].best.shift == 1
    assert found["b"].best.choices["output"] == "old"
    assert found["b"].allows(SUBTRACTS)
    assert "output" not in found["b"].pinned


def test_nothing_is_searched_beyond_a_max_shift_of_0():
    found = find(smooth_layers(), LATE, reals(), "a", max_shift=0)
    assert found["a"].pinned["output"] == "old"
    assert found["a"].alternatives == {}
