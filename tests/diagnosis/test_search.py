"""The search behind `nirx.diagnose`: the ranking, what may be dropped, memory, determinism."""

from __future__ import annotations

import copy
from dataclasses import replace

import nir
import numpy as np
import pytest

import nirx
from nirx.diagnosis.observed import Trace
from nirx.diagnosis.tally import Tally, shifts_up_to
from support.diagnosing import DT1, SUBTRACTS, counts, find, layers, loop, record


def flipped(spikes: np.ndarray, *place: int) -> np.ndarray:
    spikes = spikes.copy()
    spikes[place] = 1 - spikes[place]
    return spikes


def test_a_recording_that_nothing_explains_says_where_it_fails():
    graph, xs = layers(1), counts()
    spikes = flipped(record(graph, DT1, xs, "a")["a"], 70, 5)
    found = nirx.diagnose(graph, xs, {"a": spikes}, discretization=DT1)
    assert not found.explained
    first = found.first_divergence
    assert first is not None
    assert (first.step, first.node, first.index) == (70, "a", (5,))
    assert (first.reference, first.other) == (spikes[70, 5], 1 - spikes[70, 5])
    assert found["a"].best.mismatches == 1
    assert "no candidate explains a; the best one first fails at step 70, a[5]" in str(found)


def test_candidates_are_ranked_by_what_they_explain():
    flip = {"a": lambda spikes: flipped(spikes, 40, 3)}
    found = find(layers(1), DT1, counts(), "a", disturb=flip, max_shift=0)
    ranked = found["a"].candidates
    assert [c.mismatches for c in ranked] == sorted(c.mismatches for c in ranked)
    assert len(ranked) > 3
    for own in ranked:
        assert 0 <= own.spikes_matched == own.spikes - own.mismatches


def test_nothing_is_dropped_that_could_win():
    """The right rule starts badly: its first spikes are disturbed, those of another are not."""
    graph, xs = layers(1), counts(steps=400)
    wrong = record(graph, DT1, xs, "a")["a"]
    mixed = {"a": lambda right: np.concatenate([wrong[:60], right[60:]])}
    found = find(graph, SUBTRACTS, xs, "a", disturb=mixed)
    assert found["a"].best.choices["reset"] == "subtract"
    assert not found.explained


def test_every_shift_is_judged_on_the_same_steps():
    """Spikes in every step: whatever the shift, a silent simulation misses as many."""
    values = np.ones((20, 3))
    shifts = shifts_up_to(3, 20)
    for spikes in (True, False):
        variable, tolerance = (None, 0.0) if spikes else ("v", 0.5)
        tally = Tally(Trace("a", variable, spikes, values, tolerance), shifts, 2)
        for _ in range(4):
            tally.add(np.zeros((5, 2, 3)))
        np.testing.assert_allclose(tally.score, tally.score[0, 0], rtol=1e-12)
        assert tally.score[0, 0] > 1
        assert len({*tally.wrong.flat}) == 4  # and the counts themselves differ
    assert shifts_up_to(3, 3) == (0, 1, -1)
    assert shifts_up_to(3, 1) == (0,)


@pytest.mark.slow
def test_memory_does_not_change_the_answer(monkeypatch):
    graph, xs = layers(1), counts(2)
    observed = record(graph, SUBTRACTS, xs, "a", "a.v")
    image = {"a": observed["a"], "a.v": 3 * observed["a.v"] + 1}
    whole = [nirx.diagnose(graph, xs, own, discretization=DT1) for own in (observed, image)]
    monkeypatch.setattr("nirx.diagnosis.search.MOST_STATE", 1)
    monkeypatch.setattr("nirx.diagnosis.trial.MOST_BYTES", 4000)
    pieces = [nirx.diagnose(graph, xs, own, discretization=DT1) for own in (observed, image)]
    assert [p.discretization for p in pieces] == [w.discretization for w in whole]
    for piece, own in zip(pieces, whole, strict=True):
        assert piece["a"].indistinguishable == own["a"].indistinguishable
        assert piece.explained


@pytest.mark.slow
def test_it_is_deterministic_and_changes_nothing():
    graph, xs = loop(), counts()
    observed = record(graph, SUBTRACTS, xs, "lif", "lif.v")
    before = copy.deepcopy((graph, xs, observed))
    first = nirx.diagnose(graph, xs, observed, discretization=DT1)
    nodes = dict(reversed(graph.nodes.items()))
    other = nir.NIRGraph(nodes, graph.edges[::-1], type_check=False)
    turned = dict(reversed(observed.items()))
    assert str(nirx.diagnose(other, xs, turned, discretization=DT1)).count("lif") > 3
    again = nirx.diagnose(other, xs, observed, discretization=DT1)
    assert str(first) == str(again)
    assert first == again
    assert nirx.same_graph(graph, before[0])
    np.testing.assert_array_equal(xs, before[1])
    for key in observed:
        np.testing.assert_array_equal(observed[key], before[2][key])


def test_without_a_discretization_the_default_is_assumed_with_a_warning():
    graph, xs = layers(1), counts()
    with pytest.warns(nirx.NirxWarning, match="dt=0.0001 and forward Euler are assumed"):
        nirx.diagnose(graph, xs, {"a": xs * 0})


def test_a_free_run_that_compares_little_explains_nothing():
    found = find(layers(1), SUBTRACTS, counts(), "a")
    assert "a free run of the whole graph confirms it" in found.explain()
    (node,), (own,) = found.nodes, found.confirmed
    assert own.reproduced
    own = replace(own, elements=60, recorded=100)
    assert own.reproduced
    assert not replace(own, elements=40).reproduced
    assert not replace(own, differing=1).reproduced
    failed = replace(node.candidates[0], mismatches=1)
    short = replace(own, elements=1, shift=2)
    doubtful = replace(found, nodes=(replace(node, candidates=(failed,)),), confirmed=(short,))
    assert not doubtful.explained
    assert "too little of them could be compared" in doubtful.explain()
    assert "confirms it" not in doubtful.explain()
