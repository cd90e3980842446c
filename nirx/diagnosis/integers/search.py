"""The arithmetic that explains most, searched stage by stage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nirx.diagnosis.candidates import Limits
from nirx.diagnosis.integers.fits import By, Fit, Fits
from nirx.diagnosis.integers.stages import STAGES, stage, values_of
from nirx.dynamics.cuba import CurrentBasedIntegrator
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.leaky import LeakyIntegrator
from nirx.dynamics.neuron import Neuron
from nirx.errors import InputError

__all__ = ["Best", "search", "varied"]

ROUNDS = 3


@dataclass(frozen=True)
class Best:
    """The rule that explains most, and how it fits.

    Arguments:
        choices: per choice of a step, the values that explain as much, the best one's first.
        possible: per field of the arithmetic that matters, the values that explain as much as
            the best one while all others stay.
    """

    rule: Discretization
    fit: Fit
    choices: Mapping[str, tuple[Any, ...]]
    possible: Mapping[str, tuple[Any, ...]]


def search(fits: Fits, asked: Discretization, limits: Limits) -> Best | None:
    """Vary the choices of a step and the fields of the arithmetic until nothing gets better.

    A count of wrong numbers sees a rule for rare steps best, such as an overflow. It says nothing
    as long as all numbers are wrong; how far off they are then leads the way.

    Arguments:
        asked: where to start; of what explains as much, that with the fewest changes from it.
        limits: per choice the values to try.

    Returns: None if the graph cannot run under any of the rules.
    """
    if fits.fit(asked) is None and fits.holds_fractions:
        return None  # no arithmetic makes them whole
    quick = fits.lone(asked)
    tried = [_climbed(fits, asked, asked, limits, quick, "wrong")]
    if tried[0][1] is None or tried[0][1].wrong:
        near, _ = _climbed(fits, asked, asked, limits, quick, "score")
        tried.append(_climbed(fits, asked, near, limits, quick, "wrong"))
    good = [(rule, fit) for rule, fit in tried if fit is not None]
    if not good:
        return None
    rule, fit = min(good, key=lambda own: (own[1].wrong, _changes(own[0], asked)))
    rule, fit = _simplest(fits, asked, rule, fit)
    choices = _tied_choices(fits, rule, fit, limits, quick)
    return Best(rule, fit, choices, _tied(fits, rule, fit))


def _climbed(
    fits: Fits, asked: Discretization, rule: Discretization, limits: Limits, quick: bool, by: By
) -> tuple[Discretization, Fit | None]:
    """The best rule, and how it fits, stage by stage from one on."""
    fit = fits.fit(rule)
    for number in range(ROUNDS):
        before, shifts = rule, None
        for names in (None, *STAGES):
            if fit is not None and fit.wrong == 0 and names is not None:
                return rule, fit
            if names is None:
                candidates = _steps(fits, rule, limits, quick)
            else:
                assert rule.arithmetic is not None, "only rules in integers are tried"
                fields, traces = _fields(fits, rule), fits.problem.traces
                each = stage(names, rule.arithmetic, traces, fields, quick)
                candidates = (varied(rule, own) for own in each)
            rule, fit = _best(fits, asked, (rule, fit), candidates, shifts, by)
            shifts = None if fit is None else fit.shifts
        if rule == before and number:
            break
    return rule, fit


def _simplest(
    fits: Fits, asked: Discretization, rule: Discretization, fit: Fit
) -> tuple[Discretization, Fit]:
    """The rule without the changes that it does not need."""
    assert asked.arithmetic is not None, "only rules in integers are tried"
    for name, value in asked.arithmetic.to_dict().items():
        candidate = varied(rule, {name: value})
        if candidate is not None and candidate != rule:
            own = fits.fit(candidate, None, fit.wrong)
            if own is not None and own.wrong <= fit.wrong:
                rule, fit = candidate, own
    return rule, fit


def varied(rule: Discretization, own: Mapping[str, Any]) -> Discretization | None:
    """A rule with other values in its arithmetic; None if they do not go together."""
    assert rule.arithmetic is not None, "only rules in integers are varied"
    try:
        return replace(rule, arithmetic=replace(rule.arithmetic, **own))
    except InputError:
        return None


def _steps(
    fits: Fits, rule: Discretization, limits: Limits, quick: bool
) -> Iterator[Discretization | None]:
    """The choices of a step: every combination, or one change at a time."""
    space = fits.space(rule, limits)
    for own in space.candidates():
        if quick or len(space.changes(own)) <= 1:
            try:
                yield replace(rule, **own)
            except InputError:
                continue


def _best(
    fits: Fits,
    asked: Discretization,
    own: tuple[Discretization, Fit | None],
    candidates: Iterable[Discretization | None],
    shifts: Any,
    by: By,
) -> tuple[Discretization, Fit | None]:
    """The best of some candidates and of the one so far."""

    def rank(rule: Discretization, fit: Fit) -> tuple[float, int, int]:
        late = sum(map(abs, fit.shifts.values()))
        return getattr(fit, by), late, _changes(rule, asked)

    rule, fit = own
    lowest = None if fit is None else rank(rule, fit)
    for candidate in candidates:
        if candidate is None or candidate == own[0]:
            continue
        most = float("inf") if lowest is None else lowest[0]
        found = fits.fit(candidate, shifts, most, by)
        if found is not None and getattr(found, by) <= most:
            own_rank = rank(candidate, found)
            if lowest is None or own_rank < lowest:
                rule, fit, lowest = candidate, found, own_rank
    return rule, fit


def _changes(rule: Discretization, asked: Discretization) -> int:
    """How many choices and fields differ."""
    a, b = (own.arithmetic for own in (rule, asked))
    assert a is not None, "only rules in integers are compared"
    assert b is not None, "only rules in integers are compared"
    ours, theirs = a.to_dict(), b.to_dict()
    fields = sum(ours[name] != theirs[name] for name in ours)
    names = {**rule.changes(), **asked.changes()}
    return fields + sum(getattr(rule, n) != getattr(asked, n) for n in names if n != "arithmetic")


def _tied_choices(
    fits: Fits, rule: Discretization, fit: Fit, limits: Limits, quick: bool
) -> dict[str, tuple[Any, ...]]:
    space = fits.space(rule, limits)
    found = {name: [own] for name, own in space.choices_of(rule).items()}
    for candidate in _steps(fits, rule, limits, quick):
        if candidate is None:
            continue
        own = fits.fit(candidate, None, fit.wrong)
        if own is not None and own.wrong <= fit.wrong:
            for name in found:
                found[name].append(getattr(candidate, name))
    return {name: tuple(dict.fromkeys(values)) for name, values in found.items()}


def _tied(fits: Fits, rule: Discretization, fit: Fit) -> dict[str, tuple[Any, ...]]:
    arithmetic = rule.arithmetic
    assert arithmetic is not None, "only rules in integers are tried"
    possible: dict[str, tuple[Any, ...]] = {}
    for name in _fields(fits, rule):
        kept = []
        for value in values_of(name, arithmetic, fits.problem.traces, True):
            candidate = varied(rule, {name: value})
            own = candidate and fits.fit(candidate, fit.shifts, fit.wrong)
            if own and own.wrong <= fit.wrong:
                kept.append(value)
        possible[name] = tuple(kept)
    return possible


def _fields(fits: Fits, rule: Discretization) -> tuple[str, ...]:
    """The fields that matter for the recorded nodes and for what drives them."""
    members = fits.members(rule)
    kinds = [node.dynamics for _, node in members]
    found = ["membrane_bits", "membrane_overflow", "limits", "membrane_lowest"]
    if any(isinstance(own, LeakyIntegrator | CurrentBasedIntegrator) for own in kinds):
        found += ["decay", "decay_bits", "decay_value", "decay_rounding", "membrane_change"]
    if any(isinstance(own, CurrentBasedIntegrator) for own in kinds):
        found += ["synapse_bits", "synapse_overflow"]
    if any(isinstance(own, Neuron) and own.spiking for own in kinds):
        found.append("threshold_shift")
    held = [own for variant, _ in members for own in variant.parameters.values()]
    if any("weight" in own for own in held):
        found.append("weight_shift")
    if any(np.any(own.get(name, 0)) for own in held for name in ("bias", "v_leak")):
        found.append("bias_shift")
    return (*found, "input_shift")
