"""The running score of one recording against many lanes, for every shift at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirx.diagnosis.observed import Trace

__all__ = ["STRETCH", "Fit", "Tally", "shifts_up_to"]

STRETCH = 64
"""Steps of the first stretch of a search; every later one doubles what was run."""


def shifts_up_to(most: int) -> tuple[int, ...]:
    """0, 1, -1, 2, -2, ...: observed[t] is simulated[t - shift]."""
    return (0, *(s for k in range(1, most + 1) for s in (k, -k)))


@dataclass(frozen=True, eq=False)
class Fit:
    """observed = scale * simulated + offset, each [shift, lane]."""

    scale: np.ndarray
    offset: np.ndarray


class Tally:
    """Counts that only grow with time, each [shift, lane].

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
        self.wrong, self.error = zeros.copy(), zeros.copy()
        self.simulated, self.observed, self.samples = zeros.copy(), zeros.copy(), zeros.copy()
        self.moments = np.zeros((6, len(shifts), lanes)) if moments and trace.membrane else None
        self._tail: np.ndarray | None = None
        self._time = 0

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
                self._count(row, observed[first:last], theirs)
        self._tail = seen[-max(self.shifts) :].copy() if max(self.shifts) else None
        self._time = stop

    def _count(self, row: int, observed: np.ndarray, simulated: np.ndarray) -> None:
        with np.errstate(all="ignore"):  # a candidate may run away to infinity
            if self.trace.spikes:
                self.wrong[row] += np.abs(simulated - observed).sum(axis=(0, 2))
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
        self.wrong[row] += (off > self.trace.tolerance).sum(axis=(0, 2))
        self.error[row] = np.maximum(self.error[row], off.max(axis=(0, 2), initial=0.0))
        self.samples[row] += observed.size

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
            n, s, o, ss, so, _ = self.moments
            spread = n * ss - s * s
            scale = (n * so - s * o) / spread
            good = np.isfinite(scale) & (spread > 1e-12 * n * ss)
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
