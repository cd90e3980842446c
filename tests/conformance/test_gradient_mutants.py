"""Every mutant of gradients is killed by its case; the oracle without a fault passes it."""

import functools
from types import SimpleNamespace

import pytest

from nirx_conformance.cases.gradients import GRADIENT_CASES
from nirx_conformance.mutants import (
    GRADIENT_MUTANTS,
    GRADIENTS_KILLED_BY,
    MUTANTS,
    gradient_kill_table,
)
from nirx_conformance.mutants.__main__ import OF_GRADIENTS, main, markdown
from nirx_conformance.mutants.gradient_killing import ALL_GRADIENT_MUTANTS
from nirx_conformance.mutants.gradient_mutant import right
from nirx_conformance.oracle.gradients import Choice
from nirx_conformance.suite.judge_gradients import expect_gradients, judge_gradients
from nirx_conformance.suite.outcome import Outcome
from nirx_conformance.suite.random_graphs import gradient_case_named


@functools.cache
def expected(name):
    return expect_gradients(gradient_case_named(name))


def test_every_mutant_has_its_case_and_a_name_of_its_own():
    assert list(GRADIENTS_KILLED_BY) == list(GRADIENT_MUTANTS)
    assert len(GRADIENT_MUTANTS) == len(ALL_GRADIENT_MUTANTS)
    assert not set(GRADIENT_MUTANTS) & set(MUTANTS)
    assert {*GRADIENTS_KILLED_BY.values()} <= {case.name for case in GRADIENT_CASES}


@pytest.mark.parametrize("name", GRADIENTS_KILLED_BY)
def test_the_mutant_is_killed(name):
    mutant, case = GRADIENT_MUTANTS[name], GRADIENTS_KILLED_BY[name]
    found = judge_gradients(gradient_case_named(case), mutant, expected(case))
    # Not an error: that could be a mistake in the mutant's own code.
    assert found.outcome is Outcome.FAIL, found.message
    assert mutant.sentence.endswith(".")


@pytest.mark.parametrize("case", sorted({*GRADIENTS_KILLED_BY.values()}))
def test_the_oracle_passes(case):
    def prepare(graph, discretization, dtype, surrogate, detach_reset):
        return right(graph, discretization, Choice(surrogate, detach_reset))

    backend = SimpleNamespace(name="oracle", prepare_gradients=prepare)
    found = judge_gradients(gradient_case_named(case), backend, expected(case))
    assert (found.outcome, found.message) == (Outcome.PASS, "")


def test_the_table_of_kills():
    cases = [gradient_case_named(name) for name in ("neuron LI", "linear 5 x 3")]
    table = gradient_kill_table(cases, [GRADIENT_MUTANTS["coefficient for tau"]])
    assert table["coefficient for tau"].values == ("neuron LI",)
    lines = markdown(table, OF_GRADIENTS).splitlines()
    assert len(lines) == 3
    assert {line.count("|") for line in lines} == {5}


def test_the_command_prints_them_too(monkeypatch, capsys):
    from nirx_conformance.mutants import __main__ as command

    monkeypatch.setattr(command, "GRADIENT_CASES", (gradient_case_named("neuron LI"),))
    assert main(["--mutant", "coefficient for tau", "--markdown"]) == 0
    row = "| coefficient for tau | tau gets the gradient of the coefficient: the factor"
    assert row in capsys.readouterr().out
    assert main(["--mutant", "average as sum"]) == 1
    assert "alive: average as sum" in capsys.readouterr().err
