"""From the searches of all nodes to the diagnosis of the graph, and what is reported of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from nirx.basics.paths import format_path
from nirx.basics.progress import stage
from nirx.comparison.divergence import Divergence
from nirx.diagnosis.candidates import Choices
from nirx.diagnosis.confirm import confirm, first_failure
from nirx.diagnosis.finished import Finished
from nirx.diagnosis.groups import find_groups, known_values
from nirx.diagnosis.node_diagnosis import Candidate, NodeDiagnosis
from nirx.diagnosis.problem import Problem
from nirx.diagnosis.ranking import Ranking, shared_base, shared_discretization
from nirx.diagnosis.result import Confirmed, Diagnosis
from nirx.diagnosis.search_gains import with_gains
from nirx.diagnosis.search_group import search_group
from nirx.dynamics.discretization import Discretization

__all__ = ["judge"]

SHOWN = 10


class _Answer(NamedTuple):
    """The number of a variant, the best candidate of each node, and the free run with these."""

    variant: int
    best: Sequence[Finished]
    discretization: Discretization
    confirmed: tuple[Confirmed, ...]

    @property
    def differing(self) -> int:
        """Recorded numbers that the free run does not reproduce."""
        return sum(own.differing for own in self.confirmed)


def judge(problem: Problem) -> Diagnosis:
    """Search every recorded node, decide on one variant, and confirm it by a free run."""
    known = [known_values(problem, variant) for variant in problem.variants]
    groups = find_groups(problem.variants[0].schedule, known[0], problem.traces)
    rankings = []
    with stage("searching", len(groups), "nodes") as advance:
        for group in groups:
            rankings.append(search_group(problem, group, known))
            advance(1)
    answer, tied = _decided(problem, rankings)
    if answer.differing:  # else the free run explains what a node by itself may not
        gained = [with_gains(ranking) for ranking in rankings]
        if any(new is not old for new, old in zip(gained, rankings, strict=True)):
            rankings = gained
            answer, tied = _decided(problem, rankings)
    each = zip(rankings, answer.best, strict=True)
    nodes = tuple(_of_node(problem, ranking, tied, best) for ranking, best in each)
    return Diagnosis(answer.discretization, problem.start, nodes, answer.confirmed, problem.given)


def _decided(problem: Problem, rankings: Sequence[Ranking]) -> tuple[_Answer, list[int]]:
    """The answer, and the variants that explain as much, its own first."""
    tied = _tied(problem, rankings)
    answer = _answer(problem, rankings, tied[0], _like_most(problem, rankings, tied[0]))
    if answer.differing:
        # In a loop, or where paths join, a late recording and a late neuron are not the same.
        first = min(tied, key=lambda v: sum(abs(r.on_time(v).shift) for r in rankings))
        on_time = _answer(problem, rankings, first, [r.on_time(first) for r in rankings])
        answer = min(answer, on_time, key=attrgetter("differing"))
    return answer, [answer.variant, *(v for v in tied if v != answer.variant)]


def _tied(problem: Problem, rankings: Sequence[Ranking]) -> list[int]:
    """The variants that explain most over all nodes, the one with the fewest changes first."""

    firsts = [[r.first(v) for r in rankings] for v in range(len(problem.variants))]
    scores = [[sum(part) for part in zip(*(f.score for f in own), strict=True)] for own in firsts]

    def changes(variant: int) -> tuple[float, ...]:
        own = firsts[variant]
        away = problem.variants[variant].changes + sum(f.steps_away for f in own)
        return sum(f.trace_score for f in own), away, sum(abs(f.shift) for f in own)

    return sorted((v for v, own in enumerate(scores) if own == min(scores)), key=changes)


def _like_most(problem: Problem, rankings: Sequence[Ranking], variant: int) -> list[Finished]:
    """The best candidate of each node; of equal ones, the one that does as most nodes do."""
    verdicts = [ranking.verdict(variant, ranking.first(variant)) for ranking in rankings]
    base = shared_base(problem.variants[variant], verdicts)
    return [ranking.like_others(variant, base) for ranking in rankings]


def _answer(
    problem: Problem, rankings: Sequence[Ranking], variant: int, best: Sequence[Finished]
) -> _Answer:
    verdicts = [r.verdict(variant, own) for r, own in zip(rankings, best, strict=True)]
    discretization = shared_discretization(problem.variants[variant], verdicts)
    best_of = {verdict.group.target: own for verdict, own in zip(verdicts, best, strict=True)}
    return _Answer(variant, best, discretization, confirm(problem, discretization, best_of))


def _of_node(
    problem: Problem, ranking: Ranking, tied: Sequence[int], best: Finished
) -> NodeDiagnosis:
    """The diagnosis of one node.

    Arguments:
        tied: variants that explain the recordings equally well, the chosen one first.
        best: the node's best candidate.
    """
    search, chosen = ranking.search, problem.variants[tied[0]]
    target, schedule = search.group.target, chosen.schedule
    ranked = [best, *(f for f in ranking.by_variant[tied[0]] if f.lane is not best.lane)]
    equal = sorted(
        (f for variant in tied for f in ranking.equal(variant)),
        key=lambda f: (f.lane is not best.lane, best.shift not in f.shifts),
    )
    each = [(f, common) for f in equal for common in f.lane.cut.variant.covers]
    spikes = [t for t in search.traces if t.spikes]
    asked = {name: getattr(problem.start, name) for name in chosen.covers[0]}
    asked |= search.space.start
    first = _first_divergence(ranking, best)
    shown = [_candidate(f, asked, first if f is best else None) for f in ranked[:SHOWN]]
    return NodeDiagnosis(
        node=format_path(target),
        type_name=schedule.nodes[schedule.positions[target]].type_name,
        recorded=tuple(t.key for t in search.traces),
        searched_with=tuple(map(format_path, search.group.shared)),
        candidates=tuple(shown),
        indistinguishable=tuple({**common, **f.lane.choices} for f, common in each),
        shifts=tuple(f.shifts for f, _ in each),
        recorded_spikes=_whole(sum(float(t.values.sum()) for t in spikes)),
        silent=bool(spikes) and best.either == 0,
        by_spikes=best.by_spikes,
        max_shift=max(search.shifts),
        asked=asked,
        space=search.space,
    )


def _candidate(own: Finished, asked: Choices, first_divergence: Divergence | None) -> Candidate:
    choices = {**own.lane.cut.variant.covers[0], **own.lane.choices}
    scale, offset = next(iter(own.fit.values()), (1.0, 0.0))
    return Candidate(
        choices=choices,
        changes=tuple(name for name in choices if choices[name] != asked[name]),
        shift=own.shift,
        scale=scale,
        offset=offset,
        mismatches=_whole(own.mismatches),
        spikes_matched=_whole(own.matched),
        spikes=_whole(own.either),
        samples_within=_whole(own.samples - own.outside),
        samples=_whole(own.samples),
        error=own.error,
        tolerance_needed=own.needed,
        gain=own.lane.gain,
        first_divergence=first_divergence,
    )


def _whole(count: float) -> int:
    """A count as int; an infinite one becomes very large."""
    return int(min(max(count, 0.0), 2.0**62)) if not np.isnan(count) else 0


def _first_divergence(ranking: Ranking, best: Finished) -> Divergence | None:
    """Where the best candidate first fails; it is run once more, keeping all values."""
    if best.mismatches == 0 and best.outside == 0:
        return None
    trial = replace(ranking.search, shifts=(0,)).trial([best.lane])
    simulated = {key: own[:, 0] for key, own in trial.advance(trial.length).items()}
    return first_failure(ranking.search.traces, simulated, best.shift, best.fit)[1]
