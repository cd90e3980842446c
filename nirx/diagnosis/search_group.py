"""The candidates of one recorded node, and what to try if its v or its timing is no evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nirx.diagnosis.finished import Finished
from nirx.diagnosis.groups import Group, Known
from nirx.diagnosis.problem import Problem
from nirx.diagnosis.ranking import Ranking
from nirx.diagnosis.search import Batches, ByCut, Search, best_of, every, prepare
from nirx.diagnosis.tally import STRETCH
from nirx.diagnosis.trial import Bound

__all__ = ["ANY_TRACE", "search_fitted", "search_group"]

ANY_TRACE: Bound = (0.0, float("inf"))
PERFECT: Bound = (0.0, 0.0)
FAR_BETTER = 2
"""How often the deviation has to be halved for an affine image to be believed."""


def search_group(problem: Problem, group: Group, known: Sequence[Known]) -> Ranking:
    """All candidates of a group that may matter; `known` is what drives it, per variant."""
    search = prepare(problem, group, known)
    found = _with_farther(search, _by_spikes(search, _search_traces(search)))
    return Ranking(search, [sorted(found[cut], key=lambda f: f.rank) for cut in search.cuts])


def _search_traces(search: Search) -> ByCut:
    """`Search.run`, with fits where a membrane was recorded and needs them."""
    if not any(t.membrane for t in search.traces):
        return search.run(search.batches)
    likely, plain = _probe(search)
    if likely and not plain:
        # A first stretch shows that no candidate explains the membrane as it is. If one
        # explains all of it by an affine image, nothing can be better.
        perfect = {
            cut: own
            for cut, own in search_fitted(search, likely).items()
            if any(f.mismatches == f.outside == 0 for f in own)
        }
        if perfect:
            rest = [[n for n in own if n.cut not in perfect] for own in search.batches]
            return {**search.run(rest), **perfect}
    return _with_fits(search, likely, search.run(search.batches))


def _probe(search: Search) -> tuple[Batches, bool]:
    """Simulate a first stretch.

    Returns: the batches in which an affine image may explain every sample, and whether some
    candidate may explain the membrane as it is.
    """
    likely, plain = [], False
    for lanes in search.batches:
        trial = search.trial(lanes, moments=True)
        trial.advance(STRETCH)
        states = [t for t in trial.tallies if not t.trace.spikes]
        if any(t.gathers and t.may_fit() for t in states):
            likely.append(lanes)
        plain = plain or bool(np.any(np.sum([t.wrong for t in states], axis=0) == 0))
    return likely, plain


def _with_fits(search: Search, likely: Batches, plain: ByCut) -> ByCut:
    """The candidates as they are, or by an affine image if that explains far more."""
    if any(f.outside == 0 for f in map(best_of, filter(None, plain.values()))):
        return plain
    found = search_fitted(search, likely)
    if not any(f.outside == 0 for f in every(found)):
        spikes = any(t.spikes for t in search.traces)
        if spikes and any(f.mismatches == 0 for f in every(plain)):
            return plain  # the spikes decide, and few candidates are left to be fitted
        found = search_fitted(search, search.batches)  # `likely` only held perfect fits
    return {cut: found[cut] if _far_better(found[cut], own) else own for cut, own in plain.items()}


def search_fitted(search: Search, batches: Batches) -> ByCut:
    """The candidates of some batches, each with its own affine image of the membrane."""
    found: ByCut = {cut: [] for cut in search.cuts}
    for lanes in filter(None, batches):
        first = search.trial(lanes, moments=True)
        first.finish()
        fits = [t.fitted() if t.gathers else None for t in first.tallies]
        second = search.trial(lanes, fits)
        second.finish()
        search.collect(second, found)
    return found


def _far_better(fitted: list[Finished], plain: list[Finished]) -> bool:
    """Whether an affine image explains far more than the membrane as it is."""
    if not fitted or not plain:
        return bool(fitted)
    best, own = best_of(fitted), best_of(plain)
    if best.spike_score > own.spike_score:
        return False
    return best.outside == 0 or own.trace_score - best.trace_score > FAR_BETTER * own.outside


def _by_spikes(search: Search, found: ByCut) -> ByCut:
    """Every candidate that explains all spikes, if none explains v or i as well.

    A membrane that no candidate fits was recorded coarsely, or is not what nirx calls v. Then
    the spikes alone say what is possible, and v only which of those is the nearest.
    """
    states = [t for t in search.traces if not t.spikes]
    both, tried = 0 < len(states) < len(search.traces), every(found)
    if not both or any(f.explains for f in tried) or all(f.mismatches for f in tried):
        return found
    search = replace(search, by_spikes=True, worst=ANY_TRACE)
    seen = search.run(search.batches)
    if any(t.membrane for t in states):
        good = {f.lane for f in every(seen) if f.mismatches == 0}
        kept = [[lane for lane in own if lane in good] for own in search.batches]
        fitted = search_fitted(search, kept)
        if _far_better(every(fitted), every(seen)):
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
    reach = range(1, 2 + len(search.group.shared))
    farther = (end + (k if end > 0 else -k) for k in reach for end in ends)
    shifts = tuple(shift for shift in farther if abs(shift) < len(search.traces[0].values))
    if not shifts:
        return found
    traces = [t for t in search.traces if t.spikes or not best.by_spikes]
    seen = _search_traces(replace(search, traces=traces, shifts=shifts, worst=PERFECT))
    known = {f.lane for f in tied}
    return {
        cut: own
        + [
            replace(f, beyond=True, by_spikes=best.by_spikes)
            for f in seen[cut]
            if f.explains and f.lost <= best.lost and f.lane not in known
        ]
        for cut, own in found.items()
    }
