"""The candidates of one recorded node, and what to try if its v or its timing is no evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nirx.diagnosis.groups import Group, Known
from nirx.diagnosis.membrane import far_better, search_fitted, search_traces
from nirx.diagnosis.problem import Problem
from nirx.diagnosis.ranking import Ranking
from nirx.diagnosis.search import ByCut, Search, best_of, every, prepare
from nirx.diagnosis.tally import farther_than
from nirx.diagnosis.trial import Bound

__all__ = ["search_group"]

ANY_TRACE: Bound = (0.0, float("inf"))
PERFECT: Bound = (0.0, 0.0)


def search_group(problem: Problem, group: Group, known: Sequence[Known]) -> Ranking:
    """All candidates of a group that may matter; `known` is what drives it, per variant."""
    search = prepare(problem, group, known)
    found = _with_farther(search, _by_spikes(search, search_traces(search)))
    ranked = [sorted(found[cut], key=lambda f: f.rank) for cut in search.cuts]
    return Ranking(search, ranked)


def _by_spikes(search: Search, found: ByCut) -> ByCut:
    """Every candidate that explains all spikes, if none explains v or i as well.

    A membrane that no candidate fits was recorded coarsely, or is not what nirx calls v. Then
    the spikes alone say what is possible, and v only which of those is the nearest.
    """
    states = [t for t in search.traces if not t.spikes]
    both = 0 < len(states) < len(search.traces)
    if not both or any(f.explains for f in every(found)):
        return found
    if not any(f.mismatches == 0 for f in every(found)):
        return found
    search = replace(search, by_spikes=True, worst=ANY_TRACE)
    seen = search.run(search.batches)
    if any(t.membrane for t in states):
        good = {f.lane for f in every(seen) if f.mismatches == 0}
        kept = [[lane for lane in own if lane in good] for own in search.batches]
        fitted = search_fitted(search, [own for own in kept if own])
        if far_better(best_of(every(fitted)), best_of(every(seen))):
            seen = {cut: fitted[cut] or own for cut, own in seen.items()}
    return {cut: seen[cut] or own for cut, own in found.items()}


def _with_farther(search: Search, found: ByCut) -> ByCut:
    """Add what explains as much with a recording just farther off than was searched.

    A late neuron at the largest shift may be a punctual one whose recording is one step later.
    Each neuron that takes the same choices adds one step, which is how far to look.
    """
    best, most = best_of(every(found)), max(search.shifts)
    if not best.explains or not most:
        return found
    tied = [f for f in every(found) if f.score == best.score]
    telling = [f for f in tied if f.either or f.samples]  # silence is the same at any shift
    ends = [s for s in (most, -most) if any(s in f.shifts for f in telling)]
    shifts = farther_than(ends, 1 + len(search.group.shared), len(search.traces[0].values))
    if not shifts:
        return found
    traces = [t for t in search.traces if t.spikes or not best.by_spikes]
    seen = search_traces(replace(search, traces=traces, shifts=shifts, worst=PERFECT))
    known = {f.lane for f in tied}
    farther = {
        cut: [f for f in own if f.explains and f.lost <= best.lost and f.lane not in known]
        for cut, own in seen.items()
    }
    return {
        cut: own + [replace(f, beyond=True, by_spikes=best.by_spikes) for f in farther[cut]]
        for cut, own in found.items()
    }
