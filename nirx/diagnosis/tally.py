"""The running score of one recording against many lanes, for every shift at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nirx.diagnosis.observed import Trace

__all__ = ["STRETCH", "Fit", "Tally", "farther_than", "shifts_up_to"]

STRETCH = 64
"""Steps of the first stretch of a search; every later one doubles what was run."""
MOST_DOUBLINGS = 2048.0
"""From the smallest double to the largest: what ran away to infinity stays comparable."""


def shifts_up_to(most: int, length: int) -> tuple[int, ...]:
    """0, 1, -1, 2, -2, ...: observed[t] is simulated[t - shift].

    Less than half of a recording: at least as much is compared as is not.
    """
    most = min(most, (length - 1) // 2)
    return (0, *(s for k in range(1, most + 1) for s in (k, -k)))


def farther_than(ends: Sequence[int], reach: int, length: int) -> tuple[int, ...]:
    """The next `reach` shifts after each end, as far as a recording of that length goes."""
    found = (end + (k if end > 0 else -k) for k in range(1, reach + 1) for end in ends)
    return tuple(shift for shift in found if abs(shift) < length)


@dataclass(frozen=True, eq=False)
class Fit:
    """observed = scale * simulated + offset, each [shift, lane]."""

    scale: np.ndarray
    offset: np.ndarray


class Tally:
    """Counts that only grow with time, each [shift, lane].

    A shift compares fewer steps than none, and must not win by that. So what ranks imperfect
    candidates, `judged`, is gathered where every shift compares: without the last steps, as
    many as the largest shift has. The first steps stay, for they tell how a run starts: what
    lies before a late recording of spikes is held against silence, and of v and i it counts
    like the average of the rest.

    Arguments:
        trace: the recording.
        shifts: in the order of preference.
        lanes: how many.
        fit: what a membrane is mapped by before it is compared; None for as it is.
        moments: whether to gather what a least-squares fit needs.
    """

    def __init__(
        self,
        trace: Trace,
        shifts: tuple[int, ...],
        lanes: int,
        fit: Fit | None = None,
        moments: bool = False,
    ):
        self.trace, self.shifts = trace, shifts
        self.fit = fit if trace.membrane else None
        zeros = np.zeros((len(shifts), lanes))
        self.wrong, self.error, self.judged = zeros.copy(), zeros.copy(), zeros.copy()
        self.simulated, self.observed, self.samples = zeros.copy(), zeros.copy(), zeros.copy()
        self.moments = np.zeros((6, len(shifts), lanes)) if moments and trace.membrane else None
        self._window = len(trace.values) - max(map(abs, shifts))
        late = np.maximum(shifts, 0)
        if trace.spikes:
            self.judged += np.array([[trace.values[:own].sum()] for own in late])
            self._scale = np.ones((len(shifts), 1))
        else:
            self._scale = (self._window / np.maximum(self._window - late, 1))[:, None]
        self._tail: np.ndarray | None = None
        self._time = 0

    @property
    def score(self) -> np.ndarray:
        """What ranks: 0 where everything compared is explained, else 1 and what is judged."""
        return np.where(self.wrong > 0, 1 + self.judged * self._scale, 0.0)

    def add(self, values: np.ndarray) -> None:
        """The next steps of the simulation: [steps, lanes, *batch, *features]."""
        values = values.reshape((*values.shape[:2], -1))
        start, stop = self._time, self._time + len(values)
        seen = values if self._tail is None else np.concatenate([self._tail, values])
        origin = stop - len(seen)
        observed = self.trace.values.reshape((len(self.trace.values), 1, -1))
        for row, shift in enumerate(self.shifts):
            # Steps of the recording whose partner is not later than itself, or the reverse:
            # each pair is counted once, when the later of the two has come.
            first = max(start + min(shift, 0), shift, 0)
            last = min(stop + min(shift, 0), len(observed))
            if first < last:
                theirs = seen[first - shift - origin : last - shift - origin]
                inside = min(max(self._window - first, 0), last - first)
                self._count(row, observed[first:last], theirs, inside)
        self._tail = seen[-max(self.shifts) :].copy() if max(self.shifts) > 0 else None
        self._time = stop

    def _count(self, row: int, observed: np.ndarray, simulated: np.ndarray, inside: int) -> None:
        """Compare some steps, of which the first `inside` are those that every shift compares."""
        with np.errstate(all="ignore"):  # a candidate may run away to infinity
            if self.trace.spikes:
                each = np.abs(simulated - observed).sum(axis=2)
                self.wrong[row] += each.sum(axis=0)
                self.judged[row] += each[:inside].sum(axis=0)
                self.simulated[row] += simulated.sum(axis=(0, 2))
                self.observed[row] += observed.sum()
                return
            if self.moments is not None:
                self._gather(row, observed, simulated)
            if self.fit is not None:
                simulated = simulated * self.fit.scale[row][:, None]
                simulated = simulated + self.fit.offset[row][:, None]
            off = np.abs(simulated - observed)
        off[np.isnan(off)] = np.inf
        outside = off > self.trace.tolerance
        self.wrong[row] += outside.sum(axis=(0, 2))
        self.judged[row] += self._doublings(off[:inside], outside[:inside]).sum(axis=(0, 2))
        self.error[row] = np.maximum(self.error[row], off.max(axis=(0, 2), initial=0.0))
        self.samples[row] += observed.size

    def _doublings(self, off: np.ndarray, outside: np.ndarray) -> np.ndarray:
        """How often the tolerance has to be doubled for each sample.

        Neither a few samples far off nor many that are off by little decide alone, as they do
        in a sum of errors, and in a count where a coarse recording is never within.
        """
        found = np.zeros_like(off)
        with np.errstate(over="ignore"):
            np.log2(off / self.trace.unit, where=outside, out=found)
        return np.clip(found, 0.0, MOST_DOUBLINGS)

    def _gather(self, row: int, observed: np.ndarray, simulated: np.ndarray) -> None:
        assert self.moments is not None, "asked for"
        products = (np.ones_like(simulated), simulated, observed + 0 * simulated)
        more = (simulated * simulated, simulated * observed, observed * observed + 0 * simulated)
        for moment, values in zip(self.moments, (*products, *more), strict=True):
            moment[row] += values.sum(axis=(0, 2))

    def fitted(self) -> Fit:
        """The least-squares scale and offset of what was counted; 1 and 0 where there is none."""
        assert self.moments is not None, "asked for"
        with np.errstate(all="ignore"):
            n, s, o, ss, so, oo = self.moments
            spread = n * ss - s * s
            scale = (n * so - s * o) / spread
            good = np.isfinite(scale) & (spread > 1e-12 * n * ss)
            # A recording that never moves is no image of a membrane: 0*v + offset is always one.
            good &= n * oo - o * o > 1e-12 * n * oo
            scale = np.where(good, scale, 1.0)
            offset = np.where(good, (o - scale * s) / n, 0.0)
        return Fit(scale, np.where(np.isfinite(offset), offset, 0.0))

    def may_fit(self) -> bool:
        """Whether the least squares of some shift and lane are as small as the tolerance asks."""
        assert self.moments is not None, "asked for"
        fit = self.fitted()
        a, b = fit.scale, fit.offset
        with np.errstate(all="ignore"):
            n, s, o, ss, so, oo = self.moments
            squares = oo - 2 * (a * so + b * o) + a * a * ss + 2 * a * b * s + n * b * b
            # What cancels in the sums leaves rounding errors of the size of the terms.
            bound = n * self.trace.tolerance**2 + 1e-12 * np.maximum(oo, 1e-300)
            return bool((squares <= bound).any())
