"""Spikes of two trains matched one to one within some steps, in a stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Matching", "Unmatched"]


@dataclass(frozen=True, order=True)
class Unmatched:
    """Where a run of spikes begins that cannot be matched in full: step, column, both values."""

    step: int
    column: int
    reference: float
    other: float


@dataclass
class _Train:
    """Spikes of one column that still wait for a partner: all of one of the two sides.

    `waiting` holds steps with numbers of spikes; `opened` is where the two trains first
    differed since nothing waited.
    """

    waiting: deque[tuple[int, int]] = field(default_factory=deque)
    of_reference: bool = True
    opened: Unmatched | None = None


class Matching:
    """Greedy matching in the order of time: the earliest spikes that can be partners are.

    No other matching leaves fewer spikes alone, since all windows have the same width.

    Arguments:
        jitter: the most steps between two partners.
    """

    def __init__(self, jitter: int):
        self.jitter = jitter
        self.missing = self.extra = self.widest = 0
        self.first: Unmatched | None = None
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
            for step in np.flatnonzero((a != 0) | (b != 0)).tolist():
                self._step(train, column, start + step, int(a[step]), int(b[step]))
            self._expire(train, start + len(a) - self.jitter)
            if not train.waiting:
                del self._trains[column]

    def finish(self) -> None:
        """Whoever still waits stays alone."""
        for train in self._trains.values():
            self._expire(train, None)
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
            self.first = Unmatched(start + step, column, a, b)

    def _step(self, train: _Train, column: int, step: int, a: int, b: int) -> None:
        self._expire(train, step - self.jitter)
        if a != b and train.opened is None:
            train.opened = Unmatched(step, column, float(a), float(b))
        for count, of_reference in ((a, True), (b, False)):
            while count and train.waiting and train.of_reference != of_reference:
                since, there = train.waiting.popleft()
                self.widest = max(self.widest, step - since)
                if there > count:
                    train.waiting.appendleft((since, there - count))
                count = max(0, count - there)
            if count:
                train.of_reference = of_reference
                train.waiting.append((step, count))
        if not train.waiting:
            train.opened = None

    def _expire(self, train: _Train, before: int | None) -> None:
        """Give up on those that wait since a step before this one; None: on all."""
        alone = 0
        while train.waiting and (before is None or train.waiting[0][0] < before):
            alone += train.waiting.popleft()[1]
        if not alone:
            return
        if train.of_reference:
            self.missing += alone
        else:
            self.extra += alone
        assert train.opened is not None, "who waits has no equal on the other side"
        self.first = train.opened if self.first is None else min(self.first, train.opened)
        if not train.waiting:
            train.opened = None
