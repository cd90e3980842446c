"""Matches the spikes of two trains one to one within some steps, in a stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

__all__ = ["Matching", "OpenMatching", "Unmatched", "earlier", "first_marked"]

Waiting = deque[tuple[int, int, int, int]]
"""Spikes of one column that still wait for a partner, all of the same side: their step, how many
wait there (negative: of the recording), and both values there."""


@dataclass(frozen=True, order=True)
class Unmatched:
    """A spike without a partner: step, column, both values there."""

    step: int
    column: int
    reference: float
    observed: float


class Matching:
    """Greedy matching in time order: each spike takes the earliest possible partner.

    All windows have the same width, so no other matching leaves fewer spikes unmatched. Among
    those that leave equally few, this one leaves the first spike unmatched as late as possible:
    no other choice of partners would move `first` to a later step.

    Arguments:
        jitter: the most steps between two partners.
        inner: first step, and step after the last, in which `inner_unmatched` counts.
    """

    def __init__(self, jitter: int, inner: tuple[int, int] = (0, 0)):
        self.jitter, self._inner = jitter, inner
        self.missing = self.extra = self.widest = self.inner_unmatched = 0
        self.first_missing: Unmatched | None = None
        self.first_extra: Unmatched | None = None
        self._waiting: dict[int, Waiting] = {}

    def take(self, start: int, reference: np.ndarray, observed: np.ndarray) -> None:
        """The next steps of both.

        Arguments:
            start: the first of them.
            reference, observed: numbers of spikes `[time, column]`.
        """
        if self.jitter == 0:
            self._compare(start, reference, observed)
            return
        # Equal trains are each other's partners, unless an earlier spike still waits.
        unequal = np.flatnonzero((reference != observed).any(axis=0)).tolist()
        for column in sorted({*unequal, *self._waiting}):
            a, b = reference[:, column], observed[:, column]
            waiting = self._waiting.setdefault(column, deque())
            steps = np.flatnonzero((a != 0) | (b != 0))
            for step, x, y in zip(
                steps.tolist(), a[steps].tolist(), b[steps].tolist(), strict=True
            ):
                if x != y or waiting:
                    self._step(waiting, column, start + step, int(x), int(y))
            self._expire(waiting, column, start + len(a) - self.jitter)
            if not waiting:
                del self._waiting[column]

    @property
    def first(self) -> Unmatched | None:
        """The first spike of either side without a partner."""
        return earlier(self.first_missing, self.first_extra)

    def finish(self) -> None:
        """After all steps: spikes that still wait have no partner."""
        for column, waiting in self._waiting.items():
            self._expire(waiting, column, None)
        self._waiting = {}

    def _compare(self, start: int, reference: np.ndarray, observed: np.ndarray) -> None:
        differs = reference != observed
        if not differs.any():
            return
        self.missing += int(np.maximum(reference - observed, 0).sum())
        self.extra += int(np.maximum(observed - reference, 0).sum())
        if self.first is None:
            place = first_marked(start, differs, reference, observed)
            if place.reference > place.observed:
                self.first_missing = place
            else:
                self.first_extra = place

    def _step(self, waiting: Waiting, column: int, step: int, a: int, b: int) -> None:
        self._expire(waiting, column, step - self.jitter)
        for count in (a, -b):
            while waiting and count * waiting[0][1] < 0:
                since, there, x, y = waiting.popleft()
                self.widest = max(self.widest, step - since)
                count += there
                if count * there > 0:  # not all of those that waited have found a partner
                    waiting.appendleft((since, count, x, y))
                    count = 0
            if count:
                waiting.append((step, count, a, b))

    def _expire(self, waiting: Waiting, column: int, before: int | None) -> None:
        """Stop waiting for partners of spikes before this step; None: of all."""
        while waiting and (before is None or waiting[0][0] < before):
            step, count, a, b = waiting.popleft()
            place = Unmatched(step, column, float(a), float(b))
            if self._inner[0] <= step < self._inner[1]:
                self.inner_unmatched += abs(count)
            if count > 0:
                self.missing += count
                self.first_missing = earlier(self.first_missing, place)
            else:
                self.extra -= count
                self.first_extra = earlier(self.first_extra, place)


class OpenMatching:
    """A matching in which spikes near the two ends of the recording need no partner.

    The partner of a spike within the jitter of an end may lie before or after the recording.
    `missing` and `extra` count the other spikes, and as few of them as possible.

    One matching of all spikes does not find this minimum. With jitter=1, let the reference
    spike in steps 0 and 1 and the recording in step 1 only. The greedy matching pairs 0 with 1
    and leaves the reference's spike in step 1 unmatched, although the spike in step 0 is the
    one that needs no partner. So `missing` comes from a second matching, without the
    reference's spikes at the ends: it pairs 1 with 1. `extra` comes from a third one, without
    the recording's spikes at the ends. Both minima hold at once: if one matching has partners
    for certain spikes of one side and another for certain spikes of the other side, some
    matching has partners for both (Mendelsohn and Dulmage). The matching of all spikes tells
    how many unmatched spikes at the ends are not counted.

    Every spike needs its partner where half of the steps or more are near an end, and where
    the reference only spikes near the ends and none of these spikes has a partner. Otherwise
    nothing could fail, and a dead chip would pass.

    **Source**: N. S. Mendelsohn, A. L. Dulmage, "Some generalizations of the problem of distinct
    representatives", 1958.

    Arguments:
        jitter: the most steps between two partners.
        steps: of the recording.
    """

    def __init__(self, jitter: int, steps: int):
        self._ends = (jitter, steps - jitter) if jitter and 4 * jitter < steps else None
        self._expected = self._needed = 0
        self._all = Matching(jitter, self._ends or (0, 0))
        self._missing, self._extra = self._all, self._all
        if self._ends is not None:
            self._missing, self._extra = Matching(jitter), Matching(jitter)

    def take(self, start: int, reference: np.ndarray, observed: np.ndarray) -> None:
        """As `Matching.take`."""
        self._all.take(start, reference, observed)
        if self._ends is not None:
            needed = self._without_ends(self._ends, start, reference)
            self._expected += int(reference.sum())
            self._needed += int(needed.sum())
            self._missing.take(start, needed, observed)
            self._extra.take(start, reference, self._without_ends(self._ends, start, observed))

    def finish(self) -> None:
        """As `Matching.finish`."""
        for matching in (self._all, self._missing, self._extra):
            matching.finish()
        if not self._needed and self._all.missing == self._expected:
            self._missing = self._extra = self._all

    def _without_ends(self, ends: tuple[int, int], start: int, train: np.ndarray) -> np.ndarray:
        """The spikes that need a partner."""
        first, stop = ends
        if first <= start and start + len(train) <= stop:
            return train
        inner = train.copy()
        inner[: max(0, first - start)] = 0
        inner[max(0, stop - start) :] = 0
        return inner

    @property
    def missing(self) -> int:
        """Spikes that only the reference has."""
        return self._missing.missing

    @property
    def extra(self) -> int:
        """Spikes that only the recording has."""
        return self._extra.extra

    @property
    def at_ends(self) -> int:
        """Unmatched spikes of both sides that are not counted."""
        return self._all.missing + self._all.extra - self.missing - self.extra

    @property
    def widest(self) -> int:
        """The most steps between two partners."""
        if self._all.inner_unmatched == self.missing + self.extra:
            return self._all.widest
        return max(self._missing.widest, self._extra.widest)

    @property
    def first(self) -> Unmatched | None:
        """The first counted spike without a partner."""
        return earlier(self._missing.first_missing, self._extra.first_extra)


def earlier(one: Unmatched | None, two: Unmatched | None) -> Unmatched | None:
    """The earlier of the two, or the only one."""
    return min((place for place in (one, two) if place is not None), default=None)


def first_marked(start: int, marked: np.ndarray, a: np.ndarray, b: np.ndarray) -> Unmatched:
    """The earliest marked element of a chunk `[time, column]`."""
    step, column = (int(i) for i in np.unravel_index(marked.argmax(), marked.shape))
    return Unmatched(start + step, column, float(a[step, column]), float(b[step, column]))
