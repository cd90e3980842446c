"""A recorded membrane potential: as it is, or as scale*v + offset where that explains it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nirx.diagnosis.found import Found
from nirx.diagnosis.search import Batches, ByCut, Search
from nirx.diagnosis.tally import STRETCH
from nirx.diagnosis.trial import Lane

__all__ = ["far_better", "search_fitted", "search_traces"]

FAR_BETTER = 2
"""Times that the deviation has to be halved for an affine image to be believed."""


def search_traces(search: Search, batches: Batches) -> ByCut:
    """`Search.run`; a membrane, where one was recorded, may have to be fitted."""
    if not any(t.membrane for t in search.traces):
        return search.run(batches)
    likely, plain = _probe(search, batches)
    if plain or not likely:
        return _with_fits(search, batches, likely, search.run(batches))
    # A first stretch shows that no candidate explains the membrane as it is. If one
    # explains all of it by an affine image, nothing can be better.
    fitted = search_fitted(search, likely, batches)
    perfect = {
        cut: own for cut, own in fitted.items() if any(f.mismatches == f.outside == 0 for f in own)
    }
    if not perfect:
        return _with_fits(search, batches, likely, search.run(batches))
    rest = [[lane for lane in own if id(lane.cut) not in perfect] for own in batches]
    return {**search.run([own for own in rest if own]), **perfect}


def _with_fits(
    search: Search,
    batches: Batches,
    likely: Batches,
    plain: ByCut,
) -> ByCut:
    """What was found as it is, or by an affine image where that explains far more."""
    if any(_best(own).outside == 0 for own in plain.values() if own):
        return plain
    found = search_fitted(search, likely, batches)
    if not any(f.outside == 0 for own in found.values() for f in own):
        spikes = any(t.spikes for t in search.traces)
        if spikes and any(f.mismatches == 0 for own in plain.values() for f in own):
            return plain  # the spikes decide, and few candidates are left to be fitted
        found = search_fitted(search, batches, batches)  # a stretch rules out perfect ones only
    return {
        cut: own if own and _preferred(own, plain[cut]) else plain[cut]
        for cut, own in found.items()
    }


def _preferred(fitted: Sequence[Found], plain: Sequence[Found]) -> bool:
    return not plain or far_better(_best(fitted), _best(plain))


def _best(found: Sequence[Found]) -> Found:
    return min(found, key=lambda f: f.rank)


def far_better(fitted: Found, plain: Found) -> bool:
    """Whether an affine image explains far more than the membrane as it is."""
    if fitted.spike_score > plain.spike_score:
        return False
    gained = plain.trace_score - fitted.trace_score
    return fitted.outside == 0 or gained > FAR_BETTER * plain.outside


def _probe(search: Search, batches: Batches) -> tuple[list[Sequence[Lane]], bool]:
    """What a first stretch leaves possible.

    Returns: the batches of which an affine image may explain every sample, and whether
    some candidate may as it is.
    """
    likely, plain = [], False
    for lanes in batches:
        trial = search.trial(lanes, moments=True)
        trial.advance(STRETCH)
        traces = [t for t in trial.tallies if not t.trace.spikes]
        if any(t.may_fit() for t in traces if t.moments is not None):
            likely.append(lanes)
        plain = plain or bool(np.any(np.sum([t.wrong for t in traces], axis=0) == 0))
    return likely, plain


def search_fitted(search: Search, batches: Batches, every: Batches) -> dict[int, list[Found]]:
    """The candidates of some batches, each by its own affine image; `every` names the cuts."""
    found: dict[int, list[Found]] = {id(lane.cut): [] for own in every for lane in own}
    for lanes in batches:
        first = search.trial(lanes, moments=True)
        first.finish()
        fits = [t.fitted() if t.moments is not None else None for t in first.tallies]
        second = search.trial(lanes, fits)
        second.finish()
        search.collect(second, found)
    return found
