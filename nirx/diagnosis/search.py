"""The search of one group: best candidates first, and none dropped that could still win."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nirx.diagnosis.candidates import LANES, Limits, Space, is_searched, values_of
from nirx.diagnosis.cut import Cut, cut_group
from nirx.diagnosis.found import Found, found_in
from nirx.diagnosis.groups import Group, Known
from nirx.diagnosis.observed import Trace
from nirx.diagnosis.tally import STRETCH, Fit, Tally, shifts_up_to
from nirx.diagnosis.trial import Bound, Lane, Trial
from nirx.diagnosis.variants import Variant
from nirx.execution.numpy_ops import NumpyOps

__all__ = ["Batches", "ByCut", "Search", "prepare"]

Batches = Sequence[Sequence[Lane]]
ByCut = Mapping[int, list[Found]]
"""Candidates by the id of their cut."""

RUNNERS_UP = 3
STATES = 6
"""Arrays that a trial keeps: v, i, and the last steps of what it put out."""
MOST_STATE = 2**29
"""Bytes that the trials of one race may keep."""
NEVER: Bound = (float("inf"), float("inf"))


def prepare(
    group: Group,
    variants: Sequence[Variant],
    known: Sequence[Known],
    traces: Sequence[Trace],
    limits: Limits,
    max_shift: int,
    ops: NumpyOps,
) -> tuple[Search, list[Cut], Batches]:
    """The search of a group, the group in each variant, and the candidates that run together.

    Arguments:
        known: per variant the outputs that drive the group.
        traces: the recordings of its target.
    """
    cuts = [cut_group(v, group, own, ops) for v, own in zip(variants, known, strict=True)]
    space = _space(cuts[0], group, traces, limits)
    shifts = shifts_up_to(max_shift, len(traces[0].values))
    return Search(group, space, traces, shifts, ops), cuts, _batches(cuts, space)


def _space(cut: Cut, group: Group, traces: Sequence[Trace], limits: Limits) -> Space:
    most = max((int(t.values.max(initial=0)) for t in traces if t.spikes), default=0)
    rule = cut.variant.discretization.at(group.target)
    parts = []
    for node in cut.members:
        if is_searched(node.dynamics):
            assert node.dynamics is not None, "searched nodes have dynamics"
            parameters = cut.variant.parameters[node.path]
            values = values_of(node.dynamics, parameters, rule, most)
            parts.append((node.dynamics, values))
    return Space.of(parts, rule, limits)


def _batches(cuts: Sequence[Cut], space: Space) -> list[list[Lane]]:
    """Lanes that can run together: the same operations on the same nodes."""
    alone = all(cut.alone for cut in cuts)
    batches: dict[Any, list[Lane]] = {}
    for order, choices in enumerate(space.candidates()):
        operations = tuple(v for k, v in choices.items() if k not in LANES)
        for number, cut in enumerate(cuts):
            key = (operations, None if alone else number)
            batches.setdefault(key, []).append(Lane(cut, choices, order))
    return list(batches.values())


class Search:
    """One search: what is recorded of a node, and the trials against it.

    Arguments:
        group, space: what is searched.
        traces: recordings of the target; shifts: in the order of preference.
        aside: whether v and i only order what the spikes leave equal.
        most: what is worse is not run to the end.
    """

    def __init__(
        self,
        group: Group,
        space: Space,
        traces: Sequence[Trace],
        shifts: tuple[int, ...],
        ops: NumpyOps,
        aside: bool = False,
        most: Bound = NEVER,
    ):
        self.group, self.space, self.traces = group, space, traces
        self.shifts, self.ops = shifts, ops
        self.aside, self.most = aside, most

    def like(
        self,
        *,
        traces: Sequence[Trace] | None = None,
        shifts: tuple[int, ...] | None = None,
        aside: bool = False,
        most: Bound = NEVER,
    ) -> Search:
        """Another search of the same group."""
        traces = self.traces if traces is None else traces
        shifts = self.shifts if shifts is None else shifts
        return Search(self.group, self.space, traces, shifts, self.ops, aside, most)

    def run(self, batches: Batches) -> dict[int, list[Found]]:
        """Per cut (by id) what was run to the end.

        A trial's score only grows. One that is worse than a finished candidate already
        cannot win any more; the others go on, the best first.
        """
        found: dict[int, list[Found]] = {id(lane.cut): [] for own in batches for lane in own}
        waiting = [self.trial(lanes) for lanes in batches]
        while waiting:
            # Every trial keeps its state, so a huge layer is searched some trials at a time.
            count = max(1, MOST_STATE // (STATES * max(max(t.size for t in waiting), 1)))
            self._race(waiting[:count], found)
            waiting = waiting[count:]
        return found

    def _race(self, trials: Sequence[Trial], found: dict[int, list[Found]]) -> None:
        while True:
            limits = {cut: min(_limit(own), self.most) for cut, own in found.items()}
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
        return Trial(self.group.target, lanes, self.traces, tallies, self.ops, self.aside)

    def collect(self, trial: Trial, found: dict[int, list[Found]]) -> None:
        """Add the lanes of a finished trial, each at its best shift."""
        for index, lane in enumerate(trial.lanes):
            changes = self.space.changes(lane.choices)
            rows = [found_in(trial, index, row, changes) for row in range(len(self.shifts))]
            best = min(rows, key=lambda f: f.rank)
            also = tuple(f for f in rows if f is not best and f.score == best.score)
            found[id(lane.cut)].append(replace(best, also=also))


def _limit(found: Sequence[Found]) -> Bound:
    """The worst score that is still worth a run: of the best, and of a few runners-up."""
    scores = sorted(f.bound for f in found)
    behind = [s for s in scores if s > scores[0]] if scores else []
    return behind[RUNNERS_UP - 1] if len(behind) >= RUNNERS_UP else NEVER


def _bound(trial: Trial, limits: Mapping[int, Bound]) -> Bound:
    each = zip(trial.bounds, trial.lanes, strict=True)
    return min((b for b, lane in each if b <= limits[id(lane.cut)]), default=NEVER)
