"""Which case of the level `gradients` kills which mutant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nirx_conformance.cases.gradient_case import GradientCase
from nirx_conformance.cases.gradients import GRADIENT_CASES
from nirx_conformance.mutants import gradient_flow, gradient_steps, gradient_surrogates
from nirx_conformance.mutants.gradient_mutant import GradientMutant
from nirx_conformance.mutants.killing import Kills, killed_by_values
from nirx_conformance.mutants.mutant import mutants_in
from nirx_conformance.suite.judge_gradients import expect_gradients, judge_gradients
from nirx_conformance.suite.outcome import Result

__all__ = ["ALL_GRADIENT_MUTANTS", "GRADIENT_MUTANTS", "gradient_kill_table"]

MODULES = (gradient_surrogates, gradient_steps, gradient_flow)

ALL_GRADIENT_MUTANTS = mutants_in(MODULES, GradientMutant)
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
    mutants = GRADIENT_MUTANTS.values() if mutants is None else mutants

    def run(mutant: GradientMutant, case: GradientCase, expected: Any) -> Result:
        return judge_gradients(case, mutant, expected)

    return killed_by_values(cases, mutants, expect_gradients, run, advance)
