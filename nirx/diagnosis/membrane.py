"""A recorded membrane potential: as it is, or as scale*v + offset where that explains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nirx.diagnosis.found import Found
from nirx.diagnosis.tally import STRETCH
from nirx.diagnosis.trial import Lane

if TYPE_CHECKING:
    from nirx.diagnosis.search import Search

__all__ = ["search_membrane"]

Batches = Sequence[Sequence[Lane]]


def search_membrane(search: Search, batches: Batches) -> dict[int, list[Found]]:
    """`Search.run` where a membrane was recorded, which may have to be fitted."""
    likely, plain = _probe(search, batches)
    if plain or not likely:
        return _with_fits(search, batches, likely, search.run(batches))
    # A first stretch shows that no candidate explains the membrane as it is. If one
    # explains all of it by an affine image, nothing can be better.
    fitted = _fitted(search, likely, [lane for own in batches for lane in own])
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
    plain: dict[int, list[Found]],
) -> dict[int, list[Found]]:
    """What was found as it is, or by an affine image where that explains far more."""
    if any(min(own, key=lambda f: f.rank).outside == 0 for own in plain.values()):
        return plain
    every = [lane for own in batches for lane in own]
    found = _fitted(search, likely, every)
    if not any(f.outside == 0 for own in found.values() for f in own):
        found = _fitted(search, batches, every)  # a first stretch rules out perfect ones only
    for cut, own in found.items():
        if not own:
            found[cut] = plain[cut]
            continue
        as_it_is = min(plain[cut], key=lambda f: f.rank)
        best = min(own, key=lambda f: f.rank)
        if best.mismatches > as_it_is.mismatches or 2 * best.outside >= as_it_is.outside:
            found[cut] = plain[cut]
    return found


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


def _fitted(search: Search, batches: Batches, every: Sequence[Lane]) -> dict[int, list[Found]]:
    found: dict[int, list[Found]] = {id(lane.cut): [] for lane in every}
    for lanes in batches:
        first = search.trial(lanes, moments=True)
        first.finish()
        fits = [t.fitted() if t.moments is not None else None for t in first.tallies]
        second = search.trial(lanes, fits)
        second.finish()
        search.collect(second, found)
    return found
