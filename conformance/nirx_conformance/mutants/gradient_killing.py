"""Which case of the level `gradients` kills which mutant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nirx_conformance.cases.gradient_case import GradientCase
from nirx_conformance.cases.gradients import GRADIENT_CASES
from nirx_conformance.mutants import gradient_flow, gradient_steps, gradient_surrogates
from nirx_conformance.mutants.gradient_mutant import GradientMutant
from nirx_conformance.mutants.killing import KILLED, Kills
from nirx_conformance.suite.judge_gradients import expect_gradients, judge_gradients

__all__ = ["ALL_GRADIENT_MUTANTS", "GRADIENT_MUTANTS", "gradient_kill_table"]

ALL_GRADIENT_MUTANTS = [
    value
    for module in (gradient_surrogates, gradient_steps, gradient_flow)
    for value in vars(module).values()
    if isinstance(value, GradientMutant)
]
GRADIENT_MUTANTS: dict[str, GradientMutant] = {m.name: m for m in ALL_GRADIENT_MUTANTS}


def gradient_kill_table(
    cases: Sequence[GradientCase] = GRADIENT_CASES,
    mutants: Iterable[GradientMutant] | None = None,
    advance: Callable[[str], Any] = lambda case: None,
) -> dict[str, Kills]:
    """Run every mutant on every case.

    Arguments:
        mutants: None for all of `GRADIENT_MUTANTS`.
        advance: called with the name of each finished case.
    """
    mutants = list(GRADIENT_MUTANTS.values() if mutants is None else mutants)
    killers: dict[str, list[str]] = {m.name: [] for m in mutants}
    for case in cases:
        expected = expect_gradients(case)
        for mutant in mutants:
            if judge_gradients(case, mutant, expected).outcome in KILLED:
                killers[mutant.name].append(case.name)
        advance(case.name)
    return {m.name: Kills(m.name, m.sentence, tuple(killers[m.name]), ()) for m in mutants}
