"""One discretization for a whole graph, from the candidates that explain each node."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from nirx.basics.paths import Path, format_path
from nirx.diagnosis.candidates import Choices, Space, with_choices
from nirx.diagnosis.variants import Variant
from nirx.dynamics.discretization import CHOICES, GLOBAL_ONLY, Discretization
from nirx.errors import InputError

__all__ = ["Verdict", "shared_discretization"]

OWN = tuple(f.name for f in fields(Discretization) if f.name not in GLOBAL_ONLY)
"""Choices that a node can have for itself."""


@dataclass(frozen=True)
class Verdict:
    """What explains one node: choices, of which the first is the best, and their space.

    Arguments:
        path: of the node; shared: unrecorded nodes that take the same choices.
    """

    path: Path
    shared: tuple[Path, ...]
    space: Space
    possible: tuple[Choices, ...]

    def allows(self, rule: Discretization) -> bool:
        """Whether a rule is one of those that explain the node."""
        own = self.space.canonical({name: getattr(rule, name) for name in self.space.values})
        return own in self.possible


def shared_discretization(variant: Variant, verdicts: Sequence[Verdict]) -> Discretization:
    """The rule that most nodes can share, with overrides for the others.

    What no recording bears on stays as in the start. Of rules that as many nodes can share,
    the one that is closest to the start is taken.
    """
    start = variant.discretization
    bare = replace(start, overrides={})
    base = _base(bare, verdicts)
    chosen = {path: v for v in reversed(verdicts) for path in v.shared if not v.allows(base)}
    chosen |= {v.path: v for v in verdicts}
    overrides: dict[str, dict[str, Any]] = {}
    for node in variant.schedule.nodes:
        if node.path in chosen:
            own = _of_verdict(base, start.at(node.path), chosen[node.path])
        else:
            own = _kept(base, bare, start.at(node.path))
        different = {n: getattr(own, n) for n in OWN if getattr(own, n) != getattr(base, n)}
        if different:
            overrides[format_path(node.path)] = different
    return replace(base, overrides=overrides)


def _base(bare: Discretization, verdicts: Sequence[Verdict]) -> Discretization:
    rules = _rules(bare, verdicts)

    def worth(rule: Discretization) -> tuple[int, int]:
        return -sum(v.allows(rule) for v in verdicts), len(_different(rule, bare))

    return min(rules, key=worth)  # the first of equals


def _rules(bare: Discretization, verdicts: Sequence[Verdict]) -> list[Discretization]:
    """Every legal rule made of values that some verdict allows."""
    values: dict[str, dict[Any, None]] = {name: {getattr(bare, name): None} for name in OWN}
    for verdict in verdicts:
        for own in verdict.possible:
            for name, value in own.items():
                values[name][value] = None
    order = {name: i for i, name in enumerate((*CHOICES, "max_spikes"))}
    names = sorted(values, key=lambda name: order[name])
    found = []
    for combination in itertools.product(*(values[name] for name in names)):
        try:
            found.append(replace(bare, **dict(zip(names, combination, strict=True))))
        except InputError:
            continue
    return found


def _of_verdict(base: Discretization, start: Discretization, verdict: Verdict) -> Discretization:
    if verdict.allows(base):
        return base

    def distance(choices: Choices) -> int:
        return sum(getattr(base, name) != value for name, value in choices.items())

    nearest = min(verdict.possible, key=distance)
    return with_choices(base, nearest)  # an LI beside a LIF gets what it has no use for, too


def _kept(base: Discretization, bare: Discretization, start: Discretization) -> Discretization:
    """The base, with what the start had for this node alone."""
    own: Mapping[str, Any] = {name: getattr(start, name) for name in _different(start, bare)}
    try:
        return replace(base, **own)
    except InputError:  # the two do not go together: the node keeps all of its own
        return replace(base, **{name: getattr(start, name) for name in OWN})


def _different(a: Discretization, b: Discretization) -> list[str]:
    return [name for name in OWN if getattr(a, name) != getattr(b, name)]
