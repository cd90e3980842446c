"""What is reported of one node, from the ranking of its candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nirx.basics.paths import format_path
from nirx.comparison.divergence import Divergence
from nirx.diagnosis.confirm import first_failure
from nirx.diagnosis.finished import Finished
from nirx.diagnosis.node_diagnosis import Candidate, NodeDiagnosis
from nirx.diagnosis.problem import Problem
from nirx.diagnosis.ranking import Ranking
from nirx.diagnosis.tally import Tally
from nirx.diagnosis.trial import Trial

__all__ = ["summarize"]

SHOWN = 10


def summarize(
    problem: Problem, ranking: Ranking, tied: Sequence[int], best: Finished
) -> NodeDiagnosis:
    """The diagnosis of one node.

    Arguments:
        tied: variants that explain the recordings equally well, the chosen one first.
        best: the node's best candidate.
    """
    search, chosen = ranking.search, problem.variants[tied[0]]
    ranked = [best, *(f for f in ranking.by_variant[tied[0]] if f.lane is not best.lane)]
    everywhere = sorted(
        (f for variant in tied for f in ranking.equal(variant)),
        key=lambda f: (f.lane is not best.lane, best.shift not in f.shifts),
    )
    equal = [
        ({**common, **f.lane.choices}, f.shifts)
        for f in everywhere
        for common in f.lane.cut.variant.covers
    ]
    spikes = [t for t in search.traces if t.spikes]
    for_graph = {name: getattr(problem.start, name) for name in chosen.choices}
    asked = {**for_graph, **search.space.start}
    first = _first_divergence(ranking, best)
    shown = [_candidate(f, asked, first if f is best else None) for f in ranked[:SHOWN]]
    return NodeDiagnosis(
        node=format_path(ranking.target),
        type_name=chosen.schedule.nodes[chosen.schedule.positions[ranking.target]].type_name,
        recorded=tuple(t.key for t in search.traces),
        searched_with=tuple(map(format_path, search.group.shared)),
        candidates=tuple(shown),
        indistinguishable=tuple(choices for choices, _ in equal),
        shifts=tuple(shifts for _, shifts in equal),
        recorded_spikes=_whole(sum(float(t.values.sum()) for t in spikes)),
        silent=bool(spikes) and best.either == 0,
        by_spikes=best.by_spikes,
        max_shift=max(search.shifts),
        asked=asked,
        space=search.space,
    )


def _candidate(
    finished: Finished, asked: Mapping[str, Any], first_divergence: Divergence | None
) -> Candidate:
    choices = {**finished.lane.cut.variant.choices, **finished.lane.choices}
    scale, offset = next(iter(finished.fit.values()), (1.0, 0.0))
    return Candidate(
        choices=choices,
        changes=tuple(name for name in choices if choices[name] != asked[name]),
        shift=finished.shift,
        scale=scale,
        offset=offset,
        mismatches=_whole(finished.mismatches),
        spikes_matched=_whole(finished.matched),
        spikes=_whole(finished.either),
        samples_within=_whole(finished.samples - finished.outside),
        samples=_whole(finished.samples),
        error=finished.error,
        tolerance_needed=finished.needed,
        first_divergence=first_divergence,
    )


def _whole(count: float) -> int:
    """A count as int; an infinite one becomes very large."""
    return int(min(max(count, 0.0), 2.0**62)) if not np.isnan(count) else 0


def _first_divergence(ranking: Ranking, best: Finished) -> Divergence | None:
    """Where the best candidate first fails; it is run once more, keeping all values."""
    if best.mismatches == 0 and best.outside == 0:
        return None
    traces = ranking.search.traces
    tallies = [Tally(trace, (0,), 1) for trace in traces]
    trial = Trial(ranking.target, [best.lane], tallies, ranking.search.ops)
    simulated = {key: own[:, 0] for key, own in trial.advance(trial.length).items()}
    return first_failure(traces, simulated, best.shift, best.fit)[1]
