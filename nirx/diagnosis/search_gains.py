"""The gains of a node that no rule explains: of its input, of its threshold, or of both.

A gain is claimed only where it explains the whole recording and no rule without one does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from nirx.diagnosis.candidates import dynamics_of
from nirx.diagnosis.evidence import Evidence
from nirx.diagnosis.finished import Finished
from nirx.diagnosis.forced import forced_evidence
from nirx.diagnosis.gains import AS_IS, Gain, shortest_between
from nirx.diagnosis.guessed import Elements, guessed_spikes
from nirx.diagnosis.observed import Trace
from nirx.diagnosis.ranking import Ranking
from nirx.diagnosis.search import Batches, Search, every
from nirx.diagnosis.search_group import ANY_TRACE, search_fitted
from nirx.diagnosis.trial import Lane

__all__ = ["with_gains"]

FEWEST_SPIKES = 3
"""One or two spikes can be had at their times by some gain of almost any rule."""
MOST_ELEMENTS = 512
"""Neurons that are forced at a time."""
DECIDES = ("threshold", "spikes", "max_spikes")
"""Choices that decide on spikes: with the spikes given, they change nothing."""


def with_gains(ranking: Ranking) -> Ranking:
    """The ranking, with candidates that scale the node's input or threshold if only these explain
    the recording."""
    search = ranking.search
    plain = [f for own in ranking.by_variant for f in own]
    if any(f.explains and not f.by_spikes for f in plain):
        return ranking
    found = _explaining(search, search.traces)
    if not found and any(f.mismatches for f in plain) and all(f.mismatches for f in plain):
        found = _by_spikes(search)
    if not found:
        return ranking
    strict = [[replace(f, by_spikes=False) for f in own] for own in ranking.by_variant]
    by_spikes = found[0].by_spikes
    behind = [[replace(f, by_spikes=by_spikes) for f in own] for own in strict]
    merged = [
        sorted([*(f for f in found if f.lane.cut is cut), *own], key=lambda f: f.rank)
        for cut, own in zip(search.cuts, behind, strict=True)
    ]
    return Ranking(search, merged)


def _explaining(search: Search, traces: Sequence[Trace]) -> list[Finished]:
    """Candidates with a gain that explain everything."""
    lanes = _gained(search, traces)
    return [f for f in every(search.run(lanes)) if f.mismatches == f.outside == 0]


def _by_spikes(search: Search) -> list[Finished]:
    """Candidates with a gain that explain all spikes, where v or i was recorded too."""
    spikes = [t for t in search.traces if t.spikes]
    if not spikes or len(spikes) == len(search.traces):
        return []
    search = replace(search, by_spikes=True, worst=ANY_TRACE)
    seen = [f for f in every(search.run(_gained(search, spikes))) if f.mismatches == 0]
    if seen and any(t.membrane for t in search.traces):
        # A membrane in units of its own.
        fitted = every(search_fitted(search, [[f.lane] for f in seen]))
        whole = [replace(f, by_spikes=False) for f in fitted if f.mismatches == f.outside == 0]
        return whole or seen
    return seen


def _gained(search: Search, traces: Sequence[Trace]) -> Batches:
    """The candidates with the gains that the recordings suggest."""
    spikes = sum(float(t.values.sum()) for t in traces if t.spikes)
    states = [t for t in traces if not t.spikes]
    node = dynamics_of(search.cuts[0].members[-1])
    if not all(cut.alone for cut in search.cuts):  # what drives it has to be known
        return []
    if not states and spikes < FEWEST_SPIKES:
        return []
    motions: dict[object, dict[object, Lane]] = {}
    for lane in (lane for lanes in search.batches for lane in lanes):
        operations, numbers = _motion(lane)
        motions.setdefault(operations, {}).setdefault(numbers, lane)
    blocks = _blocks(traces)
    gains: dict[object, dict[bool, list[Gain]]] = {}
    for operations, each in motions.items():
        lanes = list(each.values())
        if (evidence := _evidence(search, lanes, traces, blocks, None)) is None:
            continue
        then = None
        if states and node.spiking:
            fixed = _input_gains(evidence)
            then = _evidence(search, lanes, traces, blocks[:1], fixed) if fixed.any() else None
        for index, numbers in enumerate(each):
            rows = [(index, row) for row in range(len(search.shifts))]
            gains[operations, numbers] = {
                multi: [g for at in rows for g in _suggested(evidence, then, at, multi)]
                for multi in (False, True)
            }
    batches = []
    for lanes in search.batches:
        grown = []
        for lane in lanes:
            multi = lane.choices.get("spikes") == "multi"
            distinct = dict.fromkeys(gains.get(_motion(lane), {}).get(multi, ()))
            grown += [replace(lane, gain=gain) for gain in distinct if gain != AS_IS]
        batches.append(grown)
    return batches


def _motion(lane: Lane) -> tuple[object, object]:
    """What of a lane changes the operations of a forced run, and what only its numbers."""
    numbers = ("integrator", "initial_v")
    own = [(k, v) for k, v in lane.choices.items() if k not in DECIDES]
    operations = tuple(v for k, v in own if k not in numbers)
    return operations, (id(lane.cut), *(v for k, v in own if k in numbers))


def _blocks(traces: Sequence[Trace]) -> list[np.ndarray]:
    """The neurons of a layer and its batch, the busiest first, in blocks."""
    busy = sum(np.abs(t.values).reshape(len(t.values), -1).sum(axis=0) for t in traces)
    order = np.argsort(-np.asarray(busy), kind="stable")
    return [order[i : i + MOST_ELEMENTS] for i in range(0, len(order), MOST_ELEMENTS)]


def _evidence(
    search: Search,
    lanes: Sequence[Lane],
    traces: Sequence[Trace],
    blocks: Sequence[np.ndarray],
    fixed: np.ndarray | None,
) -> Evidence | None:
    evidence = Evidence((len(lanes), len(search.shifts)), fixed)
    shape = traces[0].values.shape[1:]
    membranes = [t for t in traces if t.variable == "v"]
    for block in blocks:
        elements, decided = Elements(shape, block), None
        if not any(t.spikes for t in traces) and membranes:
            decided = guessed_spikes(lanes, search.shifts, membranes[0], elements, search.ops)
        if not forced_evidence(
            lanes, search.shifts, traces, decided, elements, search.ops, evidence
        ):
            return None
    return evidence


def _input_gains(evidence: Evidence) -> np.ndarray:
    """Per lane and shift the gain of the input that the states demand; 0 where none does."""
    found = np.zeros(evidence.sums.shape[1:])
    for at in np.ndindex(found.shape):
        g = evidence.least_squares(at, "input")
        found[at] = g[0] if g else 0.0
    return found


def _suggested(
    evidence: Evidence, then: Evidence | None, at: tuple[int, int], multi: bool
) -> Iterator[Gain]:
    """Gains worth a try for a lane at a shift."""
    if not evidence.states:
        for name in ("input", "threshold"):
            bounds = evidence.bounds(name, at, multi)
            if (value := shortest_between(*bounds)) is not None:
                yield Gain(**{name: value, "low": bounds[0], "high": bounds[1]})
                return
        return
    for how in ("input", "threshold", "both"):
        if fit := evidence.least_squares(at, how):
            yield Gain(*fit)
    if then is not None and then.fixed is not None and then.fixed[at] > 0:
        bounds = then.bounds("both", at, multi)
        if (value := shortest_between(*bounds)) is not None:
            yield Gain(float(then.fixed[at]), value, *bounds)
