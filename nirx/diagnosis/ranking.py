"""The ranked candidates of one recorded node, and which of them explain equally much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nirx.basics.paths import Path
from nirx.diagnosis.finished import Finished
from nirx.diagnosis.search import Search
from nirx.diagnosis.shared import Verdict
from nirx.dynamics.discretization import Discretization

__all__ = ["Ranking"]


@dataclass(frozen=True, eq=False)
class Ranking:
    """The result of one search; variants are given by their numbers.

    Arguments:
        search: what was searched.
        by_variant: the candidates of each variant, the best first.
    """

    search: Search
    by_variant: Sequence[Sequence[Finished]]

    @property
    def target(self) -> Path:
        """The recorded node."""
        return self.search.group.target

    def first(self, variant: int) -> Finished:
        """The best candidate, before other nodes and the free run are taken into account."""
        return self.by_variant[variant][0]

    def equal(self, variant: int) -> list[Finished]:
        """The candidates that explain as much as the first."""
        most = self.first(variant).score
        return [f for f in self.by_variant[variant] if f.score <= most]

    def on_time(self, variant: int) -> Finished:
        """Of the best candidates the one with the smallest shift."""
        if self.first(variant).by_spikes:  # v tells which is nearest, but not when it was recorded
            return self.first(variant)
        every = [own for f in self.equal(variant) for own in f.at_each_shift]
        return min(every, key=lambda f: (abs(f.shift), f.rank))

    def like_others(self, variant: int, base: Discretization) -> Finished:
        """The best candidate, preferably one that follows the rule of most nodes.

        If a node needs choices of its own to be on time, but follows the others' rule if its
        recording is late, then the recording is late.
        """
        first = self.first(variant)
        verdict = self.verdict(variant, first)
        if verdict.allows(base) or not first.changes or first.by_spikes:
            return first
        near = [f for f in self.equal(variant) if not f.beyond]
        shared = verdict.space.choices_of(base)
        like = [own for f in near for own in f.at_each_shift if own.lane.choices == shared]
        return min(like, key=lambda f: f.rank, default=first)

    def verdict(self, variant: int, best: Finished) -> Verdict:
        """The choices that explain as much as a best candidate, v too, at its shift."""
        every = [own for f in self.equal(variant) for own in f.at_each_shift]
        wanted = best.shift, best.trace_score
        like = [f for f in every if (f.shift, f.trace_score) == wanted]
        like.sort(key=lambda f: f.lane is not best.lane)
        possible = tuple(f.lane.choices for f in like)
        group = self.search.group
        return Verdict(group.target, group.shared, self.search.space, possible)
