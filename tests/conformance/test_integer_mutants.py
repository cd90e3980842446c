"""Every mutant of integers is killed by its case; the backend without a fault passes it."""

import functools

import pytest

from nirx_conformance.mutants import (
    GRADIENT_MUTANTS,
    INTEGER_MUTANTS,
    INTEGERS_KILLED_BY,
    MUTANTS,
    integer_kill_table,
)
from nirx_conformance.mutants.__main__ import main
from nirx_conformance.mutants.integer_killing import ALL_INTEGER_MUTANTS, try_integers
from nirx_conformance.suite.judge_integers import expect_integers
from nirx_conformance.suite.outcome import Outcome
from nirx_conformance.suite.random_graphs import integer_case_named


@functools.cache
def expected(name):
    return expect_integers(integer_case_named(name))


def test_every_mutant_has_its_case_and_a_name_of_its_own():
    assert list(INTEGERS_KILLED_BY) == list(INTEGER_MUTANTS)
    assert len(INTEGER_MUTANTS) == len(ALL_INTEGER_MUTANTS)
    assert not set(INTEGER_MUTANTS) & {*MUTANTS, *GRADIENT_MUTANTS}


@pytest.mark.parametrize("name", INTEGERS_KILLED_BY)
def test_the_mutant_is_killed(name):
    mutant, case = INTEGER_MUTANTS[name], INTEGERS_KILLED_BY[name]
    found = try_integers(mutant, integer_case_named(case), expected(case))
    # Not an error: that could be a mistake in the mutant's own code.
    assert found.outcome is Outcome.FAIL, found.message
    assert mutant.sentence.endswith(".")


def test_the_table_of_kills():
    cases = [integer_case_named(name) for name in ("decay of down: LI", "avg-pool of 4")]
    table = integer_kill_table(cases, [INTEGER_MUTANTS["rounding zero for down"]])
    assert table["rounding zero for down"].values == ("decay of down: LI",)


def test_the_command_prints_them_too(monkeypatch, capsys):
    from nirx_conformance.mutants import __main__ as command

    monkeypatch.setattr(command, "INTEGER_CASES", (integer_case_named("avg-pool of 4"),))
    assert main(["--mutant", "nearest in shifted down", "--markdown"]) == 0
    assert "| nearest in shifted down | Sums that are shifted" in capsys.readouterr().out
    assert main(["--mutant", "v wraps"]) == 1
    assert "alive: v wraps" in capsys.readouterr().err
