"""A candidate after its simulation, and what makes one better than another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.diagnosis.trial import Bound, Lane, Trial

__all__ = ["Finished", "finished"]

UNSEEN = 0.1
"""Fraction of the recorded spikes that may lie after the end of the simulation."""


@dataclass(frozen=True, eq=False)
class Finished:
    """A candidate that was simulated to the end.

    Arguments:
        lane: its choices and its variant.
        shift: observed[t] is simulated[t - shift].
        mismatches: spikes that only one of recording and simulation has.
        outside: samples of v or i outside the tolerance; error: the largest deviation of these.
        needed: the relative tolerance that would take in every sample; 0 if none is outside.
        spike_score, trace_score: `Tally.score` of the spikes, and of v and i.
        matched, either, samples: spikes in both, spikes in either, samples compared.
        fit: per key of a membrane (scale, offset), if it had to be fitted.
        lost: recorded spikes that the shift leaves unexplained: those before the simulation
            starts, and those after its end if they are many.
        by_spikes: whether no candidate explains v and i, which then only break ties.
        beyond: whether the shift exceeds the `max_shift` asked for.
        also: the same candidate at other shifts that explain as much.
    """

    lane: Lane
    shift: int
    mismatches: float
    outside: float
    error: float
    needed: float
    spike_score: float
    trace_score: float
    matched: float
    either: float
    samples: float
    fit: Mapping[str, tuple[float, float]]
    lost: float
    by_spikes: bool = False
    beyond: bool = False
    also: tuple[Finished, ...] = ()

    @property
    def score(self) -> tuple[Any, ...]:
        """Lower is better; candidates with equal scores cannot be told apart."""
        return *self.bound, self.lost, len(self.fit)

    @property
    def bound(self) -> Bound:
        """The part of the score that only grows while a trial runs."""
        return self.spike_score, 0.0 if self.by_spikes else self.trace_score

    @property
    def explains(self) -> bool:
        """Whether everything that counts is explained."""
        return self.mismatches == 0 and (self.by_spikes or self.outside == 0)

    @property
    def shifts(self) -> tuple[int, ...]:
        """All shifts at which it explains as much, its own first."""
        return tuple(own.shift for own in self.at_each_shift)

    @property
    def at_each_shift(self) -> tuple[Finished, ...]:
        """Itself and `also`."""
        return self, *self.also

    @property
    def steps_away(self) -> int:
        """Number of changes from what was asked for; a shift counts as one, a gain too."""
        return len(self.lane.changes) + (self.shift != 0) + self.lane.gain.steps_away

    @property
    def rank(self) -> tuple[Any, ...]:
        """The order in which candidates are reported."""
        away = self.lane.cut.variant.changes + self.steps_away
        tail = self.trace_score, away, abs(self.shift), self.lane.order
        return self.beyond, *self.score, *tail


def finished(trial: Trial, index: int, row: int) -> Finished:
    """One lane at one of the shifts, once its trial is finished."""
    at = row, index
    spikes = [t for t in trial.tallies if t.trace.spikes]
    traces = [t for t in trial.tallies if not t.trace.spikes]
    wrong = float(sum(t.wrong[at] for t in spikes))
    both = float(sum(t.simulated[at] + t.observed[at] for t in spikes))
    outside = float(sum(t.wrong[at] for t in traces))
    relative = [float(t.error[at]) / max(t.trace.largest, t.trace.unit) for t in traces]
    fits = [(t.trace.key, t.fit) for t in traces if t.fit is not None]
    shift = trial.tallies[0].shifts[row]
    return Finished(
        lane=trial.lanes[index],
        shift=shift,
        mismatches=wrong,
        outside=outside,
        error=_rounded(max(float(t.error[at]) for t in traces)) if outside else 0.0,
        needed=_rounded(max(relative)) if outside else 0.0,
        spike_score=float(sum(t.score[at] for t in spikes)),
        trace_score=_rounded(float(sum(t.score[at] for t in traces))),
        matched=(both - wrong) / 2,
        either=(both + wrong) / 2,
        samples=float(sum(t.samples[at] for t in traces)),
        fit={key: (float(fit.scale[at]), float(fit.offset[at])) for key, fit in fits},
        lost=sum(_lost(t.trace.values, shift) for t in spikes),
        by_spikes=trial.by_spikes,
    )


def _lost(recorded: np.ndarray, shift: int) -> float:
    # A late recording has to start with silence. The end of an early one is not simulated,
    # which only counts against it if a good part of all spikes is there.
    if shift >= 0:
        return float(recorded[:shift].sum())
    after = float(recorded[shift:].sum())
    return after if after > UNSEEN * recorded.sum() else 0.0


def _rounded(error: float) -> float:
    """To six digits, so that rounding errors do not tell candidates apart."""
    return float(np.format_float_scientific(error, precision=5)) if np.isfinite(error) else error
