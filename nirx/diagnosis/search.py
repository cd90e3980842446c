"""The search of one group: best candidates first, dropping none that could still win."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from nirx.diagnosis.candidates import Space, dynamics_of, make_space, values_of
from nirx.diagnosis.finished import Finished, finished
from nirx.diagnosis.groups import Cut, Group, Known, cut_group
from nirx.diagnosis.observed import Trace
from nirx.diagnosis.problem import Problem
from nirx.diagnosis.tally import STRETCH, Fit, Tally, shifts_up_to
from nirx.diagnosis.trial import Bound, Lane, Trial
from nirx.dynamics.elementwise import Threshold
from nirx.execution.numpy_ops import NumpyOps

__all__ = ["Batches", "ByCut", "Search", "best_of", "every", "prepare"]

Batches = Sequence[Sequence[Lane]]
"""Candidates that can run together."""
ByCut = dict[Cut, list[Finished]]

LANES = ("integrator", "initial_v")
"""Choices that change numbers but no operation: they run in parallel along a batch axis."""
RUNNERS_UP = 3
STATES = 6
"""Arrays that a trial keeps: v, i, and the last steps of its output."""
MOST_STATE = 2**29
"""Bytes that the trials of one race may keep."""
NEVER: Bound = (float("inf"), float("inf"))


def prepare(problem: Problem, group: Group, known: Sequence[Known]) -> Search:
    """The search of a group; `known` holds the outputs that drive it, per variant."""
    traces = problem.traces[group.target]
    each = zip(problem.variants, known, strict=True)
    cuts = [cut_group(variant, group, own, problem.ops) for variant, own in each]
    most = max((int(t.values.max(initial=0)) for t in traces if t.spikes), default=0)
    variant, members = cuts[0].variant, cuts[0].members
    rule = variant.discretization.at(group.target)
    several = [values_of(dynamics_of(n), variant.parameters[n.path], rule, most) for n in members]
    comparing = any(isinstance(n.dynamics, Threshold) for n in members)
    space = make_space(several, rule, problem.limits, comparing)
    shifts = shifts_up_to(problem.max_shift, len(traces[0].values))
    return Search(group, cuts, space, _batches(cuts, space), traces, shifts, problem.ops)


def _batches(cuts: Sequence[Cut], space: Space) -> Batches:
    """Lanes with the same operations on the same nodes run together."""
    alone = all(cut.alone for cut in cuts)
    batches: dict[Any, list[Lane]] = {}
    for order, choices in enumerate(space.candidates()):
        operations = tuple(v for k, v in choices.items() if k not in LANES)
        changes = space.changes(choices)
        for number, cut in enumerate(cuts):
            key = (operations, None if alone else number)
            batches.setdefault(key, []).append(Lane(cut, choices, order, changes))
    return list(batches.values())


@dataclass(frozen=True, eq=False)
class Search:
    """One search: the recordings of a node, and the candidates to try against them.

    Arguments:
        group: what is simulated.
        cuts: the group in each variant.
        space: the choices that are searched.
        batches: all candidates.
        traces: recordings of the target.
        shifts: in the order of preference.
        by_spikes: whether v and i only break ties.
        worst: candidates with a worse score are not run to the end.
    """

    group: Group
    cuts: Sequence[Cut]
    space: Space
    batches: Batches
    traces: Sequence[Trace]
    shifts: tuple[int, ...]
    ops: NumpyOps
    by_spikes: bool = False
    worst: Bound = NEVER

    def run(self, batches: Batches) -> ByCut:
        """The candidates that were run to the end, per cut.

        A trial's score only grows. One that is already worse than a finished candidate cannot
        win; the others continue, the best first.
        """
        found: ByCut = {cut: [] for cut in self.cuts}
        waiting = [self.trial(lanes) for lanes in batches if lanes]
        while waiting:
            # Every trial keeps its state, so a huge layer is searched a few trials at a time.
            count = max(1, MOST_STATE // (STATES * max(max(t.size for t in waiting), 1)))
            self._race(waiting[:count], found)
            waiting = waiting[count:]
        return found

    def _race(self, trials: Sequence[Trial], found: ByCut) -> None:
        while True:
            limits = {cut: min(_limit(own), self.worst) for cut, own in found.items()}
            bounds = {i: _bound(t, limits) for i, t in enumerate(trials) if not t.finished}
            lowest = min(bounds.values(), default=NEVER)
            if lowest == NEVER:
                return
            for i, bound in bounds.items():
                if bound == lowest:
                    trials[i].advance_some(max(STRETCH, trials[i].time))
                    if trials[i].finished:
                        self.collect(trials[i], found)

    def trial(
        self, lanes: Sequence[Lane], fits: Sequence[Fit | None] = (), moments: bool = False
    ) -> Trial:
        """A fresh run of some lanes; `fits` and `moments` are for its tallies."""
        fits = fits or [None] * len(self.traces)
        tallies = [
            Tally(trace, self.shifts, len(lanes), fit, moments)
            for trace, fit in zip(self.traces, fits, strict=True)
        ]
        return Trial(self.group.target, lanes, tallies, self.ops, self.by_spikes)

    def collect(self, trial: Trial, found: ByCut) -> None:
        """Add the lanes of a finished trial, each at its best shift."""
        for index, lane in enumerate(trial.lanes):
            rows = [finished(trial, index, row) for row in range(len(self.shifts))]
            best = min(rows, key=lambda f: f.rank)
            also = tuple(f for f in rows if f is not best and f.score == best.score)
            found[lane.cut].append(replace(best, also=also))


def every(found: ByCut) -> list[Finished]:
    """The candidates of all cuts."""
    return list(chain.from_iterable(found.values()))


def best_of(candidates: Iterable[Finished]) -> Finished:
    """The first by rank."""
    return min(candidates, key=lambda f: f.rank)


def _limit(found: Sequence[Finished]) -> Bound:
    """The worst score that is still worth running: the best one's, and a few runners-up's."""
    least = min((f.bound for f in found), default=NEVER)
    behind = sorted(f.bound for f in found if f.bound > least)
    return behind[RUNNERS_UP - 1] if len(behind) >= RUNNERS_UP else NEVER


def _bound(trial: Trial, limits: Mapping[Cut, Bound]) -> Bound:
    each = zip(trial.bounds, trial.lanes, strict=True)
    return min((b for b, lane in each if b <= limits[lane.cut]), default=NEVER)
