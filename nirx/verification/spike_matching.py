"""Spikes of two trains matched one to one within some steps, in a stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Matching", "OpenMatching", "Unmatched"]


@dataclass(frozen=True, order=True)
class Unmatched:
    """A spike that no partner is left for: step, column, both values there."""

    step: int
    column: int
    reference: float
    other: float


@dataclass
class _Train:
    """Spikes of one column that still wait for a partner: all of one of the two sides.

    `waiting` holds steps with the spikes that still wait, and with all of both sides.
    """

    waiting: deque[tuple[int, int, int, int]] = field(default_factory=deque)
    of_reference: bool = True


class Matching:
    """Greedy matching in the order of time: the earliest spikes that can be partners are.

    No other matching leaves fewer spikes alone, since all windows have the same width. Of those
    that leave as few alone, this one does it as late as can be: `first` is no spike that another
    choice of partners would have moved to a later step.

    Arguments:
        jitter: the most steps between two partners.
        inner: from where to before where `alone` counts those without a partner.
    """

    def __init__(self, jitter: int, inner: tuple[int, int] = (0, 0)):
        self.jitter, self._inner = jitter, inner
        self.missing = self.extra = self.widest = self.alone = 0
        self.first_missing: Unmatched | None = None
        self.first_extra: Unmatched | None = None
        self._trains: dict[int, _Train] = {}

    def take(self, start: int, reference: np.ndarray, other: np.ndarray) -> None:
        """The next steps of both.

        Arguments:
            start: the first of them.
            reference, other: numbers of spikes [time, column].
        """
        if self.jitter == 0:
            self._compare(start, reference, other)
            return
        # Equal trains are each other's partners, unless a spike from before still waits.
        unequal = np.flatnonzero((reference != other).any(axis=0)).tolist()
        for column in sorted({*unequal, *self._trains}):
            a, b = reference[:, column], other[:, column]
            train = self._trains.setdefault(column, _Train())
            steps = np.flatnonzero((a != 0) | (b != 0))
            for step, x, y in zip(
                steps.tolist(), a[steps].tolist(), b[steps].tolist(), strict=True
            ):
                if x != y or train.waiting:
                    self._step(train, column, start + step, int(x), int(y))
            self._expire(train, column, start + len(a) - self.jitter)
            if not train.waiting:
                del self._trains[column]

    @property
    def first(self) -> Unmatched | None:
        """The first spike of either side that no partner is left for."""
        return earlier(self.first_missing, self.first_extra)

    def finish(self) -> None:
        """Whoever still waits stays alone."""
        for column, train in self._trains.items():
            self._expire(train, column, None)
        self._trains = {}

    def _compare(self, start: int, reference: np.ndarray, other: np.ndarray) -> None:
        differs = reference != other
        if not differs.any():
            return
        self.missing += int(np.maximum(reference - other, 0).sum())
        self.extra += int(np.maximum(other - reference, 0).sum())
        if self.first is None:
            step = int(differs.any(axis=1).argmax())
            column = int(differs[step].argmax())
            a, b = float(reference[step, column]), float(other[step, column])
            place = Unmatched(start + step, column, a, b)
            if a > b:
                self.first_missing = place
            else:
                self.first_extra = place

    def _step(self, train: _Train, column: int, step: int, a: int, b: int) -> None:
        self._expire(train, column, step - self.jitter)
        for count, of_reference in ((a, True), (b, False)):
            while count and train.waiting and train.of_reference != of_reference:
                since, there, *both = train.waiting.popleft()
                self.widest = max(self.widest, step - since)
                if there > count:
                    train.waiting.appendleft((since, there - count, both[0], both[1]))
                count = max(0, count - there)
            if count:
                train.of_reference = of_reference
                train.waiting.append((step, count, a, b))

    def _expire(self, train: _Train, column: int, before: int | None) -> None:
        """Give up on those that wait since a step before this one; None: on all."""
        while train.waiting and (before is None or train.waiting[0][0] < before):
            step, alone, a, b = train.waiting.popleft()
            place = Unmatched(step, column, float(a), float(b))
            if self._inner[0] <= step < self._inner[1]:
                self.alone += alone
            if train.of_reference:
                self.missing += alone
                self.first_missing = earlier(self.first_missing, place)
            else:
                self.extra += alone
                self.first_extra = earlier(self.first_extra, place)


class OpenMatching:
    """A matching that does not ask for partners beyond the two ends of the recording.

    A spike within the jitter of an end may be the partner of one before or after all that was
    recorded, so it may stay alone. To leave the fewest of all others alone, the reference's and
    the other's can be counted one by one: if some matching has partners for these spikes of the
    one side, and some other for those of the other, a third one has for both.

    Where half of the steps or more are within the jitter of an end, every spike needs its
    partner, and so it does where all spikes of the reference would be let off: nothing would be
    left to fail, and a chip that is dead would pass.

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
        self._missing, self._extra = Matching(jitter), Matching(jitter)

    def take(self, start: int, reference: np.ndarray, other: np.ndarray) -> None:
        """As `Matching.take`."""
        self._all.take(start, reference, other)
        if self._ends is not None:
            needed = self._inner(start, reference)
            self._expected += int(reference.sum())
            self._needed += int(needed.sum())
            self._missing.take(start, needed, other)
            self._extra.take(start, reference, self._inner(start, other))

    def finish(self) -> None:
        """As `Matching.finish`."""
        for matching in (self._all, self._missing, self._extra):
            matching.finish()

    def _inner(self, start: int, train: np.ndarray) -> np.ndarray:
        """The spikes that need a partner."""
        assert self._ends is not None
        first, stop = self._ends
        if first <= start and start + len(train) <= stop:
            return train
        inner = train.copy()
        inner[: max(0, first - start)] = 0
        inner[max(0, stop - start) :] = 0
        return inner

    @property
    def _every(self) -> bool:
        """Whether every spike needs its partner."""
        if self._ends is None:
            return True
        return not self._needed and self._all.missing == self._expected

    @property
    def missing(self) -> int:
        """Spikes that only the reference has."""
        return self._all.missing if self._every else self._missing.missing

    @property
    def extra(self) -> int:
        """Spikes that only the other has."""
        return self._all.extra if self._every else self._extra.extra

    @property
    def at_ends(self) -> int:
        """Spikes that stay alone and may, of both sides."""
        return self._all.missing + self._all.extra - self.missing - self.extra

    @property
    def widest(self) -> int:
        """The most steps between two partners."""
        if self._every or self._all.alone == self.missing + self.extra:
            return self._all.widest
        return max(self._missing.widest, self._extra.widest)

    @property
    def first(self) -> Unmatched | None:
        """The first spike that no partner is left for."""
        if self._every:
            return self._all.first
        # The other side of either matching is alone where it only lacks what was taken away.
        return earlier(self._missing.first_missing, self._extra.first_extra)


def earlier(one: Unmatched | None, two: Unmatched | None) -> Unmatched | None:
    """The first of both; None if both are."""
    return min((place for place in (one, two) if place is not None), default=None)
