"""One discretization for a whole graph, from the candidates that explain each node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from nirx.basics.paths import Path, format_path
from nirx.diagnosis.candidates import ORDER, Choices, Space, with_choices
from nirx.diagnosis.variants import Variant
from nirx.dynamics.discretization import GLOBAL_ONLY, Discretization
from nirx.errors import InputError

__all__ = ["Verdict", "shared_base", "shared_discretization"]

OWN = tuple(name for name in ORDER if name not in GLOBAL_ONLY)
"""Choices that can be overridden for a node."""


@dataclass(frozen=True)
class Verdict:
    """What explains one recorded node.

    Arguments:
        path: the node's path.
        shared: unrecorded nodes that take the same choices.
        space: the choices that were searched.
        possible: those that explain it, the best first.
    """

    path: Path
    shared: tuple[Path, ...]
    space: Space
    possible: tuple[Choices, ...]

    def allows(self, rule: Discretization) -> bool:
        """Whether a rule is one of those that explain the node."""
        return self.space.choices_of(rule) in self.possible


def shared_discretization(variant: Variant, verdicts: Sequence[Verdict]) -> Discretization:
    """The rule that most nodes can share, with overrides for the others.

    What no recording depends on stays as in the start.
    """
    base = shared_base(variant, verdicts)
    verdict_on = {path: v for v in reversed(verdicts) for path in v.shared if not v.allows(base)}
    verdict_on |= {v.path: v for v in verdicts}
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
