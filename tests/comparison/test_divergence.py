"""The first place where two recordings diverge."""

from __future__ import annotations

import numpy as np

from nirx.comparison.divergence import Divergence, differing, find_first


def marked(name, a, b, tolerance=0.0):
    return name, differing(a, b, tolerance), a, b


def test_the_earliest_step_wins_then_the_first_recording_then_the_first_index():
    a = np.zeros((6, 2, 3))
    late, early, tied = a.copy(), a.copy(), a.copy()
    late[4, 0, 0] = 1.0
    early[2, 1, 2] = 2.0
    early[2, 1, 1] = 3.0
    early[5, 0, 0] = 4.0
    tied[2, 0, 0] = 5.0
    found = find_first(
        [marked("late", a, late), marked("early", a, early), marked("tied", a, tied)]
    )
    assert found == Divergence(2, "early", (1, 1), 0.0, 3.0)


def test_no_divergence():
    a = np.array([[np.nan, 0.0, np.inf]])
    assert find_first([marked("a", a, np.array([[np.nan, -0.0, np.inf]]))]) is None
    assert find_first([]) is None
    assert find_first([marked("empty", np.zeros((0, 2)), np.zeros((0, 2)))]) is None
    assert find_first([marked("no features", np.zeros((3, 0)), np.zeros((3, 0)))]) is None


def test_a_recording_without_features_has_an_empty_index():
    found = find_first([marked("scalar", np.zeros(3), np.array([0.0, 0.0, 1.0]))])
    assert found == Divergence(2, "scalar", (), 0.0, 1.0)


def test_zero_tolerance_sees_one_ulp():
    a = np.array([1.0, 1.0])
    assert differing(a, np.array([1.0, np.nextafter(1.0, 2)]), 0.0).tolist() == [False, True]


def test_the_tolerance_is_relative_to_the_references_largest_finite_magnitude():
    a = np.array([0.0, -100.0, np.inf])
    b = np.array([0.9, -101.0, np.inf])
    assert differing(a, b, 0.01).tolist() == [False, False, False]
    assert differing(a, b, 0.0099).tolist() == [False, True, False]
    assert differing(a, b, 0.005).tolist() == [True, True, False]


def test_nan_and_infinity_never_hide_behind_a_tolerance():
    a = np.array([np.nan, 1.0, np.inf, np.inf, np.nan])
    b = np.array([1.0, np.nan, 1.0, -np.inf, np.nan])
    assert differing(a, b, 1e9).tolist() == [True, True, True, True, False]


def test_all_zero_against_anything_differs():
    assert differing(np.zeros(2), np.array([0.0, 1e-30]), 0.5).tolist() == [False, True]


def test_its_text_and_its_json_name_step_node_index_and_both_values():
    found = Divergence(7, "lif1/lif.v", (0, 3), 0.25, -1.5)
    assert str(found) == "step 7, lif1/lif.v[0, 3]: 0.25 against -1.5"
    place = {"step": 7, "node": "lif1/lif.v", "index": [0, 3]}
    assert found.to_dict() == {**place, "reference": 0.25, "other": -1.5}
    named = found.to_dict("recorded", "simulated")
    assert named == {**place, "recorded": 0.25, "simulated": -1.5}
