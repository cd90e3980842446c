"""Spike matching against brute force, and whole-step shifts, however the stream is cut."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirx.comparison.whole_shift import MOST, WholeShift
from nirx.verification.spike_matching import Matching, OpenMatching
from support.bench import shifted

STEPS = 9
TRAINS = st.lists(st.integers(0, 2), min_size=STEPS, max_size=STEPS)
BINARY = st.lists(st.integers(0, 1), min_size=STEPS, max_size=STEPS)
CUTS = st.lists(st.integers(0, STEPS), max_size=4).map(lambda own: sorted({0, STEPS, *own}))


def most_pairs(a: list[int], b: list[int], jitter: int) -> int:
    """The largest one-to-one matching, by augmenting paths: it uses no order in time."""
    partner: dict[int, int] = {}

    def find(i: int, tried: set[int]) -> bool:
        for j in range(len(b)):
            if abs(a[i] - b[j]) <= jitter and j not in tried:
                tried.add(j)
                if j not in partner or find(partner[j], tried):
                    partner[j] = i
                    return True
        return False

    return sum(find(i, set()) for i in range(len(a)))


def spikes(train: list[int]) -> list[int]:
    return [step for step, count in enumerate(train) for _ in range(count)]


def matched(
    a: Any, b: Any, jitter: int, cuts: list[int] | None = None, kind: Any = Matching
) -> Any:
    """Trains [time] or [time, column], taken in pieces."""
    a, b = (x if x.ndim == 2 else x[:, None] for x in (np.asarray(a), np.asarray(b)))
    matching = kind(jitter) if kind is Matching else kind(jitter, len(a))
    for start, stop in itertools.pairwise(cuts or [0, len(a)]):
        matching.take(start, a[start:stop], b[start:stop])
    matching.finish()
    return matching


def numbers(found: Any) -> tuple[int, int]:
    return found.missing, found.extra


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(TRAINS, TRAINS, st.integers(0, 4), CUTS)
def test_no_matching_leaves_fewer_unmatched(one, two, jitter, cuts):
    found = matched(one, two, jitter, cuts)
    pairs = most_pairs(spikes(one), spikes(two), jitter)
    assert numbers(found) == (sum(one) - pairs, sum(two) - pairs)
    assert found.widest <= jitter
    assert (found.first is None) == (found.missing + found.extra == 0)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(TRAINS, min_size=6, max_size=6), st.integers(0, 3), CUTS)
def test_columns_and_cuts_do_not_matter(trains, jitter, cuts):
    a, b = np.array(trains[:3]).T, np.array(trains[3:]).T
    whole, cut = matched(a, b, jitter), matched(a, b, jitter, cuts)
    alone = [matched(a[:, k], b[:, k], jitter, cuts) for k in range(3)]
    for one in ("missing", "extra"):
        assert getattr(whole, one) == getattr(cut, one) == sum(getattr(m, one) for m in alone)
    assert whole.first == cut.first
    firsts = [m.first.step for m in alone if m.first is not None]
    assert (whole.first.step if whole.first else None) == min(firsts, default=None)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(TRAINS, TRAINS, st.integers(0, 3))
def test_the_first_unmatched_spike_needs_to_be_unmatched(one, two, jitter):
    found = matched(one, two, jitter, [0, 4, STEPS])
    if found.first is None:
        return
    step = found.first.step
    assert (found.first.reference, found.first.observed) == (one[step], two[step])
    pairs = most_pairs(spikes(one), spikes(two), jitter)
    missing = found.first is found.first_missing
    side = [list(one), list(two)][not missing]
    assert side[step] > 0
    side[step] -= 1  # as many pairs as before: the spike is in none of them
    trains = (side, two) if missing else (one, side)
    assert most_pairs(spikes(trains[0]), spikes(trains[1]), jitter) == pairs
    # All spikes before it have partners: no earlier place would be as good.
    before = (one if missing else two)[:step]
    whole = (before, two) if missing else (one, before)
    assert most_pairs(spikes(whole[0]), spikes(whole[1]), jitter) == sum(before)


def test_the_first_unmatched_spike_is_not_the_start_of_a_run():
    a, b = np.zeros(60, int), np.zeros(60, int)
    a[14:50], b[15:51] = 1, 1
    b[31] = 0  # the partner of 30
    found = matched(a, b, 1, [0, 25, 60])
    assert found.first is not None
    assert found.first.step == 30
    assert numbers(found) == (1, 0)


def test_without_jitter_the_first_difference_is_found():
    a, b = np.zeros((50, 3), int), np.zeros((50, 3), int)
    a[20, 2] = b[30, 0] = 1
    found = matched(a, b, 0, [0, 7, 50])
    assert found.first is not None
    assert (found.first.step, found.first.column) == (20, 2)
    assert numbers(found) == (1, 1)


def test_large_spike_counts_are_matched_at_once():
    found = matched([2**30, 0, 0], [0, 0, 2**30 - 1], 2)
    assert (*numbers(found), found.widest) == (1, 0, 2)


# -- the two ends of a recording -----------------------------------------------------------


def fewest_unmatched(one: list[int], two: list[int], jitter: int) -> tuple[int, int]:
    """Unmatched spikes that count, and others, by leaving out every set of spikes at the ends."""
    a, b = spikes(one), spikes(two)
    most = most_pairs(a, b, jitter)
    if 4 * jitter >= STEPS:
        return len(a) + len(b) - 2 * most, 0

    def needed(train: list[int]) -> list[int]:
        return [k for k in train if jitter <= k < STEPS - jitter]

    best = len(a) + len(b)
    if not needed(a) and not most:
        return best, 0
    rest = [[k for k in t if k not in needed(t)] for t in (a, b)]
    for n, m in itertools.product(range(len(rest[0]) + 1), range(len(rest[1]) + 1)):
        for x in itertools.combinations(rest[0], n):
            for y in itertools.combinations(rest[1], m):
                x_all, y_all = needed(a) + list(x), needed(b) + list(y)
                pairs = most_pairs(x_all, y_all, jitter)
                best = min(best, len(x_all) + len(y_all) - 2 * pairs)
    return best, len(a) + len(b) - 2 * most - best


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(BINARY, BINARY, st.integers(1, 5), CUTS)
def test_at_the_ends_a_spike_may_stay_unmatched(one, two, jitter, cuts):
    found = matched(one, two, jitter, cuts, OpenMatching)
    counted, at_ends = fewest_unmatched(one, two, jitter)
    assert (found.missing + found.extra, found.at_ends) == (counted, at_ends)
    assert (found.first is None) == (counted == 0)
    assert found.widest <= jitter
    if found.first is not None:
        step = found.first.step
        assert jitter <= step < STEPS - jitter or not at_ends
        assert (found.first.reference, found.first.observed) == (one[step], two[step])


@pytest.mark.parametrize("swap", [False, True])
def test_a_spike_at_an_end_leaves_its_partner_to_one_that_needs_it(swap):
    """The example of `OpenMatching`, which one matching of all spikes does not solve."""
    a, b = np.zeros(STEPS, int), np.zeros(STEPS, int)
    a[[0, 1]] = b[1] = 1
    greedy = matched(*((b, a) if swap else (a, b)), 1)
    assert greedy.first is not None
    assert greedy.first.step == 1
    found = matched(*((b, a) if swap else (a, b)), 1, kind=OpenMatching)
    assert (*numbers(found), found.at_ends) == (0, 0, 1)


@pytest.mark.parametrize("shift", [-3, -1, 1, 3])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_shift_within_the_jitter_leaves_no_spike_unmatched(shift, share):
    a = (np.random.default_rng(2).random((40, 5)) < share).astype(int)
    found = matched(a, shifted(a, shift), 3, [0, 1, 2, 17, 39, 40], OpenMatching)
    assert (*numbers(found), found.first) == (0, 0, None)


def test_a_spike_lost_at_an_end_changes_no_other_pair():
    a, b = np.ones(30, int), np.ones(30, int)
    b[29] = 0
    found = matched(a, b, 1, kind=OpenMatching)
    assert (*numbers(found), found.at_ends, found.widest) == (0, 0, 1, 0)


@pytest.mark.parametrize("cuts", [[0, 30], [0, 1, 29, 30]], ids=len)
def test_spikes_at_the_ends_count_if_there_are_no_others(cuts):
    a = np.zeros((30, 2), int)
    a[0, 0] = a[29, 1] = 1
    one = np.zeros_like(a)
    one[0, 0] = 1
    dead, alive = (matched(a, b, 1, cuts, OpenMatching) for b in (np.zeros_like(a), one))
    assert (*numbers(dead), dead.at_ends, dead.first is None) == (2, 0, 0, False)
    assert (*numbers(alive), alive.at_ends, alive.first is None) == (0, 0, 1, True)


# -- whole-step shifts ----------------------------------------------------------------------


def shift_of(a: np.ndarray, b: np.ndarray, cuts: list[int]) -> int | None:
    test = WholeShift(a.shape[1], a.dtype)
    for start, stop in itertools.pairwise([*cuts, len(a)]):
        test.take(a[start:stop], b[start:stop])
    return test.found


@pytest.mark.parametrize("shift", [k for k in range(-MOST, MOST + 1) if k])
@pytest.mark.parametrize("cuts", [[0], [0, 1, 2, 3, 40], list(range(0, 60, 5))], ids=len)
def test_every_shift_is_found(shift, cuts):
    a = (np.random.default_rng(abs(shift)).random((60, 4)) < 0.3).astype(np.float32)
    b = shifted(a, shift)
    assert shift_of(a, b, cuts) == shift
    b[30, 2] = 1 - b[30, 2]
    assert shift_of(a, b, cuts) is None


def test_an_ambiguous_shift_is_not_reported():
    a = np.zeros((40, 1))
    a[::4] = 1
    assert shift_of(a, np.roll(a, 2, axis=0), [0]) is None
    assert shift_of(np.zeros((40, 1)), np.zeros((40, 1)), [0]) is None
    assert shift_of(a, np.zeros((40, 1)), [0]) is None
