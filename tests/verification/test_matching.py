"""Spike matching against brute force, whatever the cuts of the stream; whole-step shifts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirx.verification.spike_matching import Matching, OpenMatching
from nirx.verification.whole_shift import MOST, WholeShift

pytestmark = pytest.mark.slow

TRAINS = st.lists(st.integers(0, 2), min_size=9, max_size=9)
CUTS = st.lists(st.integers(0, 9), max_size=4).map(lambda own: sorted({0, 9, *own}))


def most_pairs(a: list[int], b: list[int], jitter: int) -> int:
    """The largest one-to-one matching, by augmenting paths: no thought of an order in time."""
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


def matched(a: np.ndarray, b: np.ndarray, jitter: int, cuts: list[int]) -> Matching:
    matching = Matching(jitter)
    for start, stop in itertools.pairwise(cuts):
        matching.take(start, a[start:stop], b[start:stop])
    matching.finish()
    return matching


@settings(max_examples=400, deadline=None)
@given(TRAINS, TRAINS, st.integers(0, 4), CUTS)
def test_no_matching_leaves_fewer_alone(one, two, jitter, cuts):
    a, b = np.array(one)[:, None], np.array(two)[:, None]
    found = matched(a, b, jitter, cuts)
    pairs = most_pairs(spikes(one), spikes(two), jitter)
    assert found.missing == sum(one) - pairs
    assert found.extra == sum(two) - pairs
    assert found.widest <= jitter
    assert (found.first is None) == (found.missing + found.extra == 0)


@settings(max_examples=200, deadline=None)
@given(st.lists(TRAINS, min_size=6, max_size=6), st.integers(0, 3), CUTS)
def test_columns_and_cuts_do_not_matter(trains, jitter, cuts):
    a, b = np.array(trains[:3]).T, np.array(trains[3:]).T
    whole = matched(a, b, jitter, [0, 9])
    cut = matched(a, b, jitter, cuts)
    alone = [matched(a[:, [k]], b[:, [k]], jitter, cuts) for k in range(3)]
    for one in ("missing", "extra"):
        assert getattr(whole, one) == getattr(cut, one) == sum(getattr(m, one) for m in alone)
    assert whole.first == cut.first
    firsts = [m.first.step for m in alone if m.first is not None]
    assert (whole.first.step if whole.first else None) == min(firsts, default=None)


@settings(max_examples=300, deadline=None)
@given(TRAINS, TRAINS, st.integers(0, 3))
def test_the_place_is_of_a_spike_that_is_really_alone(one, two, jitter):
    found = matched(np.array(one)[:, None], np.array(two)[:, None], jitter, [0, 4, 9])
    if found.first is None:
        return
    step = found.first.step
    assert (found.first.reference, found.first.observed) == (one[step], two[step])
    pairs = most_pairs(spikes(one), spikes(two), jitter)
    missing = found.first is found.first_missing
    side = [list(one), list(two)][not missing]
    assert side[step] > 0
    side[step] -= 1  # as many pairs as before: it needs none of them
    trains = (side, two) if missing else (one, side)
    assert most_pairs(spikes(trains[0]), spikes(trains[1]), jitter) == pairs
    # Until it came, everybody had a partner: no earlier place would be as good.
    before = (one if missing else two)[:step]
    whole = (before, two) if missing else (one, before)
    assert most_pairs(spikes(whole[0]), spikes(whole[1]), jitter) == sum(before)


def test_the_place_is_not_the_start_of_an_innocent_run():
    a, b = np.zeros((60, 1), int), np.zeros((60, 1), int)
    a[14:50], b[15:51] = 1, 1
    b[31] = 0  # the partner of 30
    found = matched(a, b, 1, [0, 25, 60])
    assert found.first is not None
    assert found.first.step == 30
    assert (found.missing, found.extra) == (1, 0)


def fewest_alone(one: list[int], two: list[int], jitter: int) -> tuple[int, int]:
    """Who is alone and must not, and who may, by trying every set that does without a partner."""
    a, b, steps = spikes(one), spikes(two), len(one)
    most = most_pairs(a, b, jitter)
    if 4 * jitter >= steps:
        return len(a) + len(b) - 2 * most, 0

    def needed(train: list[int]) -> list[int]:
        return [k for k in train if jitter <= k < steps - jitter]

    best = len(a) + len(b)
    if not needed(a) and not most:
        return best, 0
    rest = [[k for k in t if k not in needed(t)] for t in (a, b)]
    for n, m in itertools.product(range(len(rest[0]) + 1), range(len(rest[1]) + 1)):
        for x in set(itertools.combinations(rest[0], n)):
            for y in set(itertools.combinations(rest[1], m)):
                x_all, y_all = needed(a) + list(x), needed(b) + list(y)
                pairs = most_pairs(x_all, y_all, jitter)
                best = min(best, len(x_all) + len(y_all) - 2 * pairs)
    return best, len(a) + len(b) - 2 * most - best


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 1), min_size=9, max_size=9),
    st.lists(st.integers(0, 1), min_size=9, max_size=9),
    st.integers(1, 5),
    CUTS,
)
def test_at_the_ends_a_spike_may_stay_alone(one, two, jitter, cuts):
    found = OpenMatching(jitter, 9)
    for start, stop in itertools.pairwise(cuts):
        a, b = (np.array(t)[start:stop, None] for t in (one, two))
        found.take(start, a, b)
    found.finish()
    alone, let_off = fewest_alone(one, two, jitter)
    assert (found.missing + found.extra, found.at_ends) == (alone, let_off)
    assert (found.first is None) == (alone == 0)
    assert found.widest <= jitter
    if found.first is not None:
        step = found.first.step
        assert jitter <= step < 9 - jitter or not let_off
        assert (found.first.reference, found.first.observed) == (one[step], two[step])


@pytest.mark.parametrize("shift", [-3, -1, 1, 3])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_whole_shift_within_the_jitter_leaves_nobody_alone(shift, share):
    a = (np.random.default_rng(2).random((40, 5)) < share).astype(int)
    b = np.zeros_like(a)
    b[max(0, shift) : 40 + min(0, shift)] = a[max(0, -shift) : 40 - max(0, shift)]
    found = OpenMatching(3, 40)
    for start, stop in itertools.pairwise([0, 1, 2, 17, 39, 40]):
        found.take(start, a[start:stop], b[start:stop])
    found.finish()
    assert (found.missing, found.extra, found.first) == (0, 0, None)


def test_what_lacks_at_an_end_moves_nobody():
    a = np.ones((30, 1), int)
    b = a.copy()
    b[29] = 0
    found = OpenMatching(1, 30)
    found.take(0, a, b)
    found.finish()
    assert (found.missing, found.extra, found.at_ends, found.widest) == (0, 0, 1, 0)


@pytest.mark.parametrize("cuts", [[0, 30], [0, 1, 29, 30]], ids=len)
def test_whoever_has_only_spikes_at_the_ends_is_held_to_them(cuts):
    a = np.zeros((30, 2), int)
    a[0, 0] = a[29, 1] = 1
    seen = np.zeros_like(a)
    seen[0, 0] = 1
    alone = []
    for b in (np.zeros_like(a), seen):
        found = OpenMatching(1, 30)
        for start, stop in itertools.pairwise(cuts):
            found.take(start, a[start:stop], b[start:stop])
        found.finish()
        alone.append((found.missing, found.extra, found.at_ends, found.first is None))
    assert alone == [(2, 0, 0, False), (0, 0, 1, True)], "one that was matched says it lives"


def test_without_jitter_it_is_the_first_difference():
    a, b = np.zeros((50, 3), int), np.zeros((50, 3), int)
    a[20, 2] = b[30, 0] = 1
    found = matched(a, b, 0, [0, 7, 50])
    assert found.first is not None
    assert (found.first.step, found.first.column) == (20, 2)
    assert (found.missing, found.extra) == (1, 1)


def test_counts_are_taken_together():
    a, b = np.zeros((3, 1), int), np.zeros((3, 1), int)
    a[0], b[2] = 2**30, 2**30 - 1
    found = matched(a, b, 2, [0, 3])
    assert (found.missing, found.extra, found.widest) == (1, 0, 2)


def shift_of(a: np.ndarray, b: np.ndarray, cuts: list[int]) -> int | None:
    test = WholeShift(a.shape[1], a.dtype)
    for start, stop in itertools.pairwise([*cuts, len(a)]):
        test.take(a[start:stop], b[start:stop])
    return test.found


@pytest.mark.parametrize("shift", [k for k in range(-MOST, MOST + 1) if k])
@pytest.mark.parametrize("cuts", [[0], [0, 1, 2, 3, 40], list(range(0, 60, 5))], ids=len)
def test_every_shift_is_found(shift, cuts):
    a = (np.random.default_rng(abs(shift)).random((60, 4)) < 0.3).astype(np.float32)
    b = np.zeros_like(a)
    if shift > 0:
        b[shift:] = a[:-shift]
    else:
        b[:shift] = a[-shift:]
    assert shift_of(a, b, cuts) == shift
    worse = b.copy()
    worse[30, 2] = 1 - worse[30, 2]
    assert shift_of(a, worse, cuts) is None


def test_what_can_be_two_shifts_is_none():
    a = np.zeros((40, 1))
    a[::4] = 1
    assert shift_of(a, np.roll(a, 2, axis=0), [0]) is None
    assert shift_of(np.zeros((40, 1)), np.zeros((40, 1)), [0]) is None
    assert shift_of(a, np.zeros((40, 1)), [0]) is None
