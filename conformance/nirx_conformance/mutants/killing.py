"""Which case kills which mutant, by values or by bits."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from nirx.errors import InputError
from nirx.execution.numpy_backend import BACKEND
from nirx_conformance.cases import ALL_CASES, FixedCase
from nirx_conformance.digests import committed
from nirx_conformance.suite.expected import Expected, expect
from nirx_conformance.suite.judge import judge, judge_bits
from nirx_conformance.suite.outcome import Outcome, Result

__all__ = ["KILLED", "Kill", "Kills", "kill_table", "killed_by_values", "try_case"]

Mode = Literal["values", "bits"]

KILLED = frozenset({Outcome.FAIL, Outcome.ERROR})
"""Outcomes that a correct backend never has."""


@dataclass(frozen=True)
class Kill:
    """A case, and whether its values (`judge`) or its digest (`judge_bits`) reveal the fault."""

    case: str
    by: Mode = "values"


@dataclass(frozen=True)
class Kills:
    """The cases that kill one mutant.

    Arguments:
        name, sentence: of the mutant.
        values, bits: names of the cases that kill it, in the order of `ALL_CASES`.
    """

    name: str
    sentence: str
    values: tuple[str, ...]
    bits: tuple[str, ...]


def try_case(
    backend: Any, case: FixedCase, by: Mode = "values", expected: Expected | None = None
) -> Result:
    """Run one case. `case` and `expected` stay unchanged, whatever the backend writes to."""
    own = copy.deepcopy(case)
    if by == "bits":
        return judge_bits(own, backend)
    expected = expected or expect(case)
    return judge(own, backend, expected=replace(expected, start=copy.deepcopy(expected.start)))


def kill_table(
    cases: Sequence[FixedCase] = ALL_CASES,
    mutants: Iterable[Any] | None = None,
    advance: Callable[[str], Any] = lambda case: None,
) -> dict[str, Kills]:
    """Run every mutant on every case in both modes.

    Arguments:
        mutants: backends; None for all of `MUTANTS`.
        advance: called with the name of each finished case.

    **Raises**: `InputError` for a case that the unmutated backend does not pass, since it would
    kill every mutant.
    """
    if mutants is None:
        from nirx_conformance.mutants import MUTANTS

        mutants = MUTANTS.values()
    mutants = list(mutants)
    values: Mapping[str, list[str]] = {m.name: [] for m in mutants}
    bits: Mapping[str, list[str]] = {m.name: [] for m in mutants}
    digests = committed()
    for case in cases:
        expected = expect(case)
        for by in ("values", "bits") if case.name in digests else ("values",):
            _require_pass(f"{case.name!r} by its {by}", try_case(BACKEND, case, by, expected))
        for mutant in mutants:
            if try_case(mutant, case, "values", expected).outcome in KILLED:
                values[mutant.name].append(case.name)
            if case.name in digests and try_case(mutant, case, "bits").outcome in KILLED:
                bits[mutant.name].append(case.name)
        advance(case.name)
    return {
        m.name: Kills(m.name, m.sentence, tuple(values[m.name]), tuple(bits[m.name]))
        for m in mutants
    }


def killed_by_values(
    cases: Sequence[Any],
    mutants: Iterable[Any],
    expect: Callable[[Any], Any],
    run: Callable[[Any, Any, Any], Result],
    advance: Callable[[str], Any],
    unmutated: Any = None,
) -> dict[str, Kills]:
    """A kill table of a level that has values only.

    Arguments:
        expect: case -> what is expected of it, computed once.
        run: (mutant, case, what is expected) -> result.
        advance: called with the name of each finished case.
        unmutated: the backend that has to pass every case, if there is one.

    **Raises**: `InputError` for a case that it does not pass.
    """
    mutants = list(mutants)
    killers: dict[str, list[str]] = {m.name: [] for m in mutants}
    for case in cases:
        expected = expect(case)
        if unmutated is not None:
            _require_pass(repr(case.name), run(unmutated, case, expected))
        for mutant in mutants:
            if run(mutant, case, expected).outcome in KILLED:
                killers[mutant.name].append(case.name)
        advance(case.name)
    return {m.name: Kills(m.name, m.sentence, tuple(killers[m.name]), ()) for m in mutants}


def _require_pass(what: str, found: Result) -> None:
    if found.outcome is not Outcome.PASS:
        raise InputError(
            f"the unmutated backend does not pass {what}: {found.outcome}, {found.message}"
        )
