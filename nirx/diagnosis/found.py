"""A candidate that was run to the end, and what makes one better than another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.diagnosis.trial import Lane, Trial

__all__ = ["Found", "found_in"]


@dataclass(frozen=True, eq=False)
class Found:
    """A candidate that was run to the end.

    Arguments:
        lane: its choices and its variant.
        shift: observed[t] is simulated[t - shift].
        mismatches: spikes that only one of the two has.
        outside: samples of v or i outside the tolerance; error: the largest one's.
        matched, either, samples: spikes in both, spikes in either, samples compared.
        fit: per key of a membrane (scale, offset), where it had to be fitted.
        changes: names of the choices that are not as asked for.
    """

    lane: Lane
    shift: int
    mismatches: float
    outside: float
    error: float
    matched: float
    either: float
    samples: float
    fit: Mapping[str, tuple[float, float]]
    changes: tuple[str, ...]

    @property
    def score(self) -> tuple[Any, ...]:
        """What makes one candidate better than another; equal ones cannot be told apart."""
        return self.mismatches, self.outside, self.error, abs(self.shift), len(self.fit)

    @property
    def rank(self) -> tuple[Any, ...]:
        """The order in which they are reported."""
        variant = self.lane.cut.variant
        return *self.score, variant.changes + len(self.changes), self.lane.order


def found_in(trial: Trial, index: int, row: int, changes: tuple[str, ...]) -> Found:
    """The candidate of a lane at one of the shifts, once its trial is finished."""
    at = row, index
    spikes = [t for t in trial.tallies if t.trace.spikes]
    traces = [t for t in trial.tallies if not t.trace.spikes]
    wrong = float(sum(t.wrong[at] for t in spikes))
    both = float(sum(t.simulated[at] + t.observed[at] for t in spikes))
    outside = float(sum(t.wrong[at] for t in traces))
    error = max((float(t.error[at]) for t in traces), default=0.0)
    fit = {
        t.trace.key: (float(t.fit.scale[at]), float(t.fit.offset[at]))
        for t in traces
        if t.fit is not None
    }
    return Found(
        lane=trial.lanes[index],
        shift=trial.tallies[0].shifts[row],
        mismatches=wrong,
        outside=outside,
        error=_rounded(error) if outside else 0.0,
        matched=(both - wrong) / 2,
        either=(both + wrong) / 2,
        samples=float(sum(t.samples[at] for t in traces)),
        fit=fit,
        changes=changes,
    )


def _rounded(error: float) -> float:
    """To six digits: candidates whose errors differ in rounding alone are equal."""
    return float(np.format_float_scientific(error, precision=5)) if np.isfinite(error) else error
