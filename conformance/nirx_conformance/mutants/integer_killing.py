"""Which case of the level `integers` kills which mutant."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from nirx.execution.numpy_backend import BACKEND
from nirx_conformance.cases import FixedCase
from nirx_conformance.cases.integers import INTEGER_CASES
from nirx_conformance.mutants import integer_operations, integer_steps, integers
from nirx_conformance.mutants.killing import Kills, killed_by_values
from nirx_conformance.mutants.mutant import Mutant, mutants_in
from nirx_conformance.suite.judge_integers import ExpectedIntegers, expect_integers, judge_integers
from nirx_conformance.suite.outcome import Result

__all__ = ["ALL_INTEGER_MUTANTS", "INTEGER_MUTANTS", "integer_kill_table", "try_integers"]

ALL_INTEGER_MUTANTS = mutants_in((integers, integer_operations, integer_steps), Mutant)
INTEGER_MUTANTS: dict[str, Mutant] = {mutant.name: mutant for mutant in ALL_INTEGER_MUTANTS}


def try_integers(backend: Any, case: FixedCase, expected: ExpectedIntegers | None = None) -> Result:
    """Run one case, which stays unchanged whatever the backend writes to."""
    expected = expected or expect_integers(case)
    return judge_integers(
        copy.deepcopy(case), backend, replace(expected, start=copy.deepcopy(expected.start))
    )


def integer_kill_table(
    cases: Sequence[FixedCase] = INTEGER_CASES,
    mutants: Iterable[Any] | None = None,
    advance: Callable[[str], Any] = lambda case: None,
) -> dict[str, Kills]:
    """Run every mutant on every case.

    Arguments:
        mutants: None for all of `INTEGER_MUTANTS`.
        advance: called with the name of each finished case.

    **Raises**: `InputError` for a case that the unmutated backend does not pass.
    """
    mutants = INTEGER_MUTANTS.values() if mutants is None else mutants
    return killed_by_values(cases, mutants, expect_integers, try_integers, advance, BACKEND)
