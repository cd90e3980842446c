"""All that the recordings of one node allow: the search, and more where it is no evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nirx.diagnosis.candidates import Limits
from nirx.diagnosis.found import Found
from nirx.diagnosis.groups import Group, Known
from nirx.diagnosis.membrane import far_better, search_fitted, search_traces
from nirx.diagnosis.observed import Trace
from nirx.diagnosis.search import Batches, ByCut, Search, prepare
from nirx.diagnosis.tally import farther_than
from nirx.diagnosis.trial import Bound
from nirx.diagnosis.variants import Variant
from nirx.execution.numpy_ops import NumpyOps

__all__ = ["search_group"]

ANY_TRACE: Bound = (0.0, float("inf"))
PERFECT: Bound = (0.0, 0.0)


def search_group(
    group: Group,
    variants: Sequence[Variant],
    known: Sequence[Known],
    traces: Sequence[Trace],
    limits: Limits,
    max_shift: int,
    ops: NumpyOps,
) -> tuple[Search, list[list[Found]]]:
    """All candidates of a group that may matter, best first, for each variant.

    Arguments:
        known: per variant the outputs that drive the group.
        traces: the recordings of its target.
    """
    search, cuts, batches = prepare(group, variants, known, traces, limits, max_shift, ops)
    found = _by_spikes(search, batches, search_traces(search, batches))
    found = _with_farther(search, batches, found)
    return search, [sorted(found[id(cut)], key=lambda f: f.rank) for cut in cuts]


def _by_spikes(search: Search, batches: Batches, found: ByCut) -> ByCut:
    """Every candidate that explains all spikes, where none explains v or i as well.

    A membrane that fits nowhere was recorded coarsely, or is not what nirx calls v. Then the
    spikes alone say what is possible, and v only which of those is the nearest.
    """
    every = [f for own in found.values() for f in own]
    traces = [t for t in search.traces if not t.spikes]
    if len(traces) in (0, len(search.traces)) or any(f.explains for f in every):
        return found
    if not any(f.mismatches == 0 for f in every):
        return found
    aside = search.like(aside=True, most=ANY_TRACE)
    seen = aside.run(batches)
    if any(t.membrane for t in traces):
        good = {id(f.lane) for own in seen.values() for f in own if f.mismatches == 0}
        kept = [[lane for lane in own if id(lane) in good] for own in batches]
        fitted = search_fitted(aside, [own for own in kept if own], kept)
        if far_better(_first(fitted), _first(seen)):
            seen = {cut: fitted.get(cut) or own for cut, own in seen.items()}
    return {cut: seen[cut] or own for cut, own in found.items()}


def _with_farther(search: Search, batches: Batches, found: ByCut) -> ByCut:
    """What explains as much with the recording just farther off than the search went.

    A late neuron at the largest shift tried may be a punctual one whose recording is one
    step later. Neurons that take the same choices are late by one step each, so that is how
    far there is to look.
    """
    best, most = _first(found), max(search.shifts)
    if not best.explains or not most:
        return found
    tied = [f for own in found.values() for f in own if f.score == best.score]
    telling = [f for f in tied if f.either or f.samples]  # silence is the same at any shift
    ends = [s for s in (most, -most) if any(s in f.shifts for f in telling)]
    shifts = farther_than(ends, 1 + len(search.group.shared), len(search.traces[0].values))
    if not shifts:
        return found
    traces = [t for t in search.traces if t.spikes or not best.aside]
    seen = search_traces(search.like(traces=traces, shifts=shifts, most=PERFECT), batches)
    known = {id(f.lane) for f in tied}
    return {
        cut: [
            *own,
            *(
                replace(f, beyond=True, aside=best.aside)
                for f in seen[cut]
                if f.explains and f.lost <= best.lost and id(f.lane) not in known
            ),
        ]
        for cut, own in found.items()
    }


def _first(found: ByCut) -> Found:
    every: Sequence[Found] = [f for own in found.values() for f in own]
    return min(every, key=lambda f: f.rank)
