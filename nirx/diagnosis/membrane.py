"""A recorded membrane potential: as it is, or as scale*v + offset if that explains it."""

from __future__ import annotations

import numpy as np

from nirx.diagnosis.finished import Finished
from nirx.diagnosis.search import Batches, ByCut, Search, best_of, every
from nirx.diagnosis.tally import STRETCH

__all__ = ["far_better", "search_fitted", "search_traces"]

FAR_BETTER = 2
"""How often the deviation has to be halved for an affine image to be believed."""


def search_traces(search: Search) -> ByCut:
    """`Search.run`, with fits where a membrane was recorded and needs them."""
    if not any(t.membrane for t in search.traces):
        return search.run(search.batches)
    likely, plain = _probe(search)
    if likely and not plain:
        # A first stretch shows that no candidate explains the membrane as it is. If one
        # explains all of it by an affine image, nothing can be better.
        fitted = search_fitted(search, likely)
        perfect = {
            cut: own
            for cut, own in fitted.items()
            if any(f.mismatches == f.outside == 0 for f in own)
        }
        if perfect:
            rest = [[n for n in own if n.cut not in perfect] for own in search.batches]
            return {**search.run([own for own in rest if own]), **perfect}
    return _with_fits(search, likely, search.run(search.batches))


def _with_fits(search: Search, likely: Batches, plain: ByCut) -> ByCut:
    """The candidates as they are, or by an affine image if that explains far more."""
    if any(best_of(own).outside == 0 for own in plain.values() if own):
        return plain
    found = search_fitted(search, likely)
    if not any(f.outside == 0 for f in every(found)):
        spikes = any(t.spikes for t in search.traces)
        if spikes and any(f.mismatches == 0 for f in every(plain)):
            return plain  # the spikes decide, and few candidates are left to be fitted
        found = search_fitted(search, search.batches)  # `likely` only held perfect fits
    return {
        cut: own if own and _preferred(own, plain[cut]) else plain[cut]
        for cut, own in found.items()
    }


def _preferred(fitted: list[Finished], plain: list[Finished]) -> bool:
    return not plain or far_better(best_of(fitted), best_of(plain))


def far_better(fitted: Finished, plain: Finished) -> bool:
    """Whether an affine image explains far more than the membrane as it is."""
    if fitted.spike_score > plain.spike_score:
        return False
    gained = plain.trace_score - fitted.trace_score
    return fitted.outside == 0 or gained > FAR_BETTER * plain.outside


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
        if any(t.may_fit() for t in states if t.moments is not None):
            likely.append(lanes)
        plain = plain or bool(np.any(np.sum([t.wrong for t in states], axis=0) == 0))
    return likely, plain


def search_fitted(search: Search, batches: Batches) -> ByCut:
    """The candidates of some batches, each with its own affine image of the membrane."""
    found: ByCut = {cut: [] for cut in search.cuts}
    for lanes in batches:
        first = search.trial(lanes, moments=True)
        first.finish()
        fits = [t.fitted() if t.moments is not None else None for t in first.tallies]
        second = search.trial(lanes, fits)
        second.finish()
        search.collect(second, found)
    return found
