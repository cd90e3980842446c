"""The running score of many lanes against one recording, at every shift."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nirx.diagnosis.observed import Trace

__all__ = ["STRETCH", "Fit", "Tally", "shifts_up_to"]

STRETCH = 64
"""Steps of the first stretch of a search; each later stretch doubles the simulated time."""
MOST_DOUBLINGS = 2048.0
"""From the smallest double to the largest, so that candidates that diverge stay comparable."""


def shifts_up_to(most: int, length: int) -> tuple[int, ...]:
    """0, 1, -1, 2, -2, ...: observed[t] is simulated[t - shift].

    Less than half of the recording, so that most of it is compared.
    """
    most = min(most, (length - 1) // 2)
    return (0, *(s for k in range(1, most + 1) for s in (k, -k)))


class Fit(NamedTuple):
    """observed = scale * simulated + offset, each [shift, lane]."""

    scale: np.ndarray
    offset: np.ndarray


class Tally:
    """Counts that only grow with time, each [shift, lane].

    A shifted recording has fewer steps to compare, and must not win because of that. So
    `judged`, which ranks imperfect candidates, only counts steps that every shift compares: it
    leaves out as many steps at the end as the largest shift has. It keeps the first steps, which
    show how a run starts: in a late spike train they are compared with silence, and in a late v
    or i they count like the average of the rest.

    Arguments:
        trace: the recording.
        shifts: in the order of preference.
        lanes: number of lanes.
        fit: maps the simulated membrane before it is compared; None leaves it as it is.
        moments: whether to gather the sums of a least-squares fit.
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
        counts = np.zeros((6, len(shifts), lanes))
        self.wrong, self.error, self.judged, self.simulated, self.observed, self.samples = counts
        self.moments, self.gathers = np.zeros_like(counts), moments and trace.membrane
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
        """0 where everything compared is explained, else 1 + `judged`."""
        return np.where(self.wrong > 0, 1 + self.judged * self._scale, 0.0)

    def add(self, values: np.ndarray) -> None:
        """Count the next steps of the simulation: [steps, lanes, *batch, *features]."""
        values = values.reshape((*values.shape[:2], -1))
        start, stop = self._time, self._time + len(values)
        seen = values if self._tail is None else np.concatenate([self._tail, values])
        origin = stop - len(seen)
        observed = self.trace.values.reshape((len(self.trace.values), 1, -1))
        for row, shift in enumerate(self.shifts):
            # Each pair of a recorded and a simulated step is counted once, when the later of
            # the two has been reached.
            first = max(start + min(shift, 0), shift, 0)
            last = min(stop + min(shift, 0), len(observed))
            if first < last:
                theirs = seen[first - shift - origin : last - shift - origin]
                inside = min(max(self._window - first, 0), last - first)
                self._count(row, observed[first:last], theirs, inside)
        self._tail = seen[-max(self.shifts) :].copy() if max(self.shifts) > 0 else None
        self._time = stop

    def _count(self, row: int, observed: np.ndarray, simulated: np.ndarray, inside: int) -> None:
        """Compare some steps, of which every shift compares the first `inside`."""
        with np.errstate(all="ignore"):  # a candidate may diverge to infinity
            if self.trace.spikes:
                each = np.abs(simulated - observed).sum(axis=2)
                self.wrong[row] += each.sum(axis=0)
                self.judged[row] += each[:inside].sum(axis=0)
                self.simulated[row] += simulated.sum(axis=(0, 2))
                self.observed[row] += observed.sum()
                return
            if self.gathers:
                s, o = simulated, observed + 0 * simulated
                products = (np.ones_like(s), s, o, s * s, s * o, o * o)
                for moment, values in zip(self.moments, products, strict=True):
                    moment[row] += values.sum(axis=(0, 2))
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
        """How often the tolerance has to be doubled to take in each sample.

        A sum of errors would be decided by a few samples far off; a count of samples outside
        the tolerance says nothing about a coarse recording, where all are.
        """
        found = np.zeros_like(off)
        with np.errstate(over="ignore"):
            np.log2(off / self.trace.unit, where=outside, out=found)
        return np.clip(found, 0.0, MOST_DOUBLINGS)

    def fitted(self) -> Fit:
        """The least-squares scale and offset; 1 and 0 where there is no solution."""
        with np.errstate(all="ignore"):
            n, s, o, ss, so, oo = self.moments
            spread = n * ss - s * s
            scale = (n * so - s * o) / spread
            good = np.isfinite(scale) & (spread > 1e-12 * n * ss)
            # A constant recording is always 0*v + offset, which says nothing about v.
            good &= n * oo - o * o > 1e-12 * n * oo
            scale = np.where(good, scale, 1.0)
            offset = np.where(good, (o - scale * s) / n, 0.0)
        return Fit(scale, np.where(np.isfinite(offset), offset, 0.0))

    def may_fit(self) -> bool:
        """Whether the fit of some shift and lane may be within the tolerance everywhere."""
        a, b = self.fitted()
        with np.errstate(all="ignore"):
            n, s, o, ss, so, oo = self.moments
            squares = oo - 2 * (a * so + b * o) + a * a * ss + 2 * a * b * s + n * b * b
            # Cancellation leaves rounding errors of the size of the terms.
            bound = n * self.trace.tolerance**2 + 1e-12 * np.maximum(oo, 1e-300)
            return bool((squares <= bound).any())
