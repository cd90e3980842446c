"""From the searches of all nodes to the diagnosis of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nirx.diagnosis.confirm import confirm
from nirx.diagnosis.finished import Finished
from nirx.diagnosis.groups import find_groups, known_values
from nirx.diagnosis.problem import Problem
from nirx.diagnosis.ranking import Ranking
from nirx.diagnosis.result import Confirmed, Diagnosis
from nirx.diagnosis.search_group import search_group
from nirx.diagnosis.shared import shared_base, shared_discretization
from nirx.diagnosis.summary import summarize
from nirx.dynamics.discretization import Discretization

__all__ = ["judge"]


@dataclass(frozen=True, eq=False)
class _Answer:
    """A variant with the best candidate of each node, and the free run with these.

    Arguments:
        variant: its number.
        best: in the order of the rankings.
    """

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
    rankings = [search_group(problem, group, known) for group in groups]
    tied = _tied(problem, rankings)
    answer = _answer(problem, rankings, tied[0], _like_most(problem, rankings, tied[0]))
    if answer.differing:
        # In a loop, or where paths join, a late recording and a late neuron are not the same.
        first = min(tied, key=lambda v: sum(abs(r.on_time(v).shift) for r in rankings))
        on_time = _answer(problem, rankings, first, [r.on_time(first) for r in rankings])
        answer = min(answer, on_time, key=lambda own: own.differing)
    tied = [answer.variant, *(v for v in tied if v != answer.variant)]
    nodes = tuple(
        summarize(problem, ranking, tied, best)
        for ranking, best in zip(rankings, answer.best, strict=True)
    )
    return Diagnosis(answer.discretization, problem.start, nodes, answer.confirmed, problem.given)


def _tied(problem: Problem, rankings: Sequence[Ranking]) -> list[int]:
    """The variants that explain most over all nodes, the one with the fewest changes first."""

    def score(variant: int) -> tuple[float, ...]:
        scores = (ranking.first(variant).score for ranking in rankings)
        return tuple(map(sum, zip(*scores, strict=True)))

    def changes(variant: int) -> tuple[float, ...]:
        firsts = [ranking.first(variant) for ranking in rankings]
        away = problem.variants[variant].changes + sum(f.steps_away for f in firsts)
        return sum(f.trace_score for f in firsts), away, sum(abs(f.shift) for f in firsts)

    scores = [score(variant) for variant in range(len(problem.variants))]
    tied = [variant for variant, own in enumerate(scores) if own == min(scores)]
    return sorted(tied, key=changes)


def _like_most(problem: Problem, rankings: Sequence[Ranking], variant: int) -> list[Finished]:
    """The best candidate of each node; of equal ones, the one that does as most nodes do."""
    verdicts = [ranking.verdict(variant, ranking.first(variant)) for ranking in rankings]
    base = shared_base(problem.variants[variant], verdicts)
    return [ranking.like_others(variant, base) for ranking in rankings]


def _answer(
    problem: Problem, rankings: Sequence[Ranking], variant: int, best: Sequence[Finished]
) -> _Answer:
    each = list(zip(rankings, best, strict=True))
    verdicts = [ranking.verdict(variant, own) for ranking, own in each]
    discretization = shared_discretization(problem.variants[variant], verdicts)
    confirmed = confirm(problem, discretization, {r.target: own for r, own in each})
    return _Answer(variant, best, discretization, confirmed)
