"""The ranked candidates of each recorded node, and one discretization that fits all nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from nirx.basics.paths import Path, format_path
from nirx.diagnosis.candidates import ORDER, Choices, Space, with_choices
from nirx.diagnosis.finished import Finished
from nirx.diagnosis.groups import Group
from nirx.diagnosis.problem import Variant
from nirx.diagnosis.search import Search
from nirx.dynamics.discretization import GLOBAL_ONLY, Discretization
from nirx.errors import InputError

__all__ = ["Ranking", "Verdict", "shared_base", "shared_discretization"]

OWN = tuple(name for name in ORDER if name not in GLOBAL_ONLY)
"""Choices that can be overridden for a node."""


@dataclass(frozen=True)
class Verdict:
    """What explains one recorded node.

    Arguments:
        group: the node with the unrecorded ones that take the same choices.
        space: the choices that were searched.
        possible: those that explain it, the best first.
    """

    group: Group
    space: Space
    possible: tuple[Choices, ...]

    def allows(self, rule: Discretization) -> bool:
        """Whether a rule is one of those that explain the node."""
        return self.space.choices_of(rule) in self.possible


@dataclass(frozen=True, eq=False)
class Ranking:
    """The result of one search; variants are given by their numbers.

    Arguments:
        search: what was searched.
        by_variant: the candidates of each variant, the best first.
    """

    search: Search
    by_variant: Sequence[Sequence[Finished]]

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
        if self.verdict(variant, first).allows(base) or not first.lane.changes or first.by_spikes:
            return first
        shared = self.search.space.choices_of(base)
        near = [f for f in self.equal(variant) if not f.beyond and f.lane.choices == shared]
        like = [own for f in near for own in f.at_each_shift]
        return min(like, key=lambda f: f.rank, default=first)

    def verdict(self, variant: int, best: Finished) -> Verdict:
        """The choices that explain as much as a best candidate, v too, at its shift."""
        every = [own for f in self.equal(variant) for own in f.at_each_shift]
        wanted = best.shift, best.trace_score, best.lane.gain
        like = [f.lane for f in every if (f.shift, f.trace_score, f.lane.gain) == wanted]
        like.sort(key=lambda lane: lane is not best.lane)
        possible = tuple(lane.choices for lane in like)
        return Verdict(self.search.group, self.search.space, possible)


def shared_discretization(variant: Variant, verdicts: Sequence[Verdict]) -> Discretization:
    """The rule that most nodes can share, with overrides for the others.

    What no recording depends on stays as in the start.
    """
    base = shared_base(variant, verdicts)
    apart = [v for v in reversed(verdicts) if not v.allows(base)]
    verdict_on = {path: v for v in apart for path in v.group.shared}
    verdict_on |= {v.group.target: v for v in verdicts}
    overrides: dict[str, dict[str, Any]] = {}
    for node in variant.schedule.nodes:
        verdict = verdict_on.get(node.path)
        own = _nearest(base, verdict) if verdict else _kept(base, variant, node.path)
        if different := _different(own, base):
            overrides[format_path(node.path)] = different
    return replace(base, overrides=overrides)


def shared_base(variant: Variant, verdicts: Sequence[Verdict]) -> Discretization:
    """The rule that most nodes can share; of several, the closest to the start."""
    bare = replace(variant.discretization, overrides={})
    start = {name: getattr(bare, name) for name in OWN}
    possible = [start, *(own for verdict in verdicts for own in verdict.possible)]
    values = {n: tuple(dict.fromkeys(own[n] for own in possible if n in own)) for n in OWN}
    # With `comparing`, every legal combination has a meaning of its own.
    nearest_first = Space(values, start, comparing=True).candidates()
    rules = (replace(bare, **own) for own in nearest_first)
    return max(rules, key=lambda rule: sum(v.allows(rule) for v in verdicts))


def _nearest(base: Discretization, verdict: Verdict) -> Discretization:
    """The rule closest to the base that explains a node."""
    if verdict.allows(base):
        return base

    def distance(choices: Choices) -> int:
        return sum(getattr(base, name) != value for name, value in choices.items())

    return with_choices(base, min(verdict.possible, key=distance))


def _kept(base: Discretization, variant: Variant, path: Path) -> Discretization:
    """The base, with the overrides that the start had for a node."""
    start = variant.discretization
    own = start.at(path)
    try:
        return replace(base, **_different(own, start))
    except InputError:  # the two do not go together: the node keeps the whole rule of the start
        return replace(base, **{name: getattr(own, name) for name in OWN})


def _different(a: Discretization, b: Discretization) -> dict[str, Any]:
    """The choices of `a` that `b` does not make."""
    return {name: getattr(a, name) for name in OWN if getattr(a, name) != getattr(b, name)}
