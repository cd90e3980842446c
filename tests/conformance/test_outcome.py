"""Outcomes: how expected failures change them, and how they add up."""

from __future__ import annotations

import pytest

from nirx_conformance.suite.outcome import GOOD, Outcome, Result, node_outcome
from nirx_conformance.suite.table import good


def results(*outcomes):
    return [Result("c", "b", outcome, message="as found") for outcome in outcomes]


@pytest.mark.parametrize(
    ("found", "becomes"),
    [
        (Outcome.PASS, Outcome.XPASS),
        (Outcome.FAIL, Outcome.XFAIL),
        (Outcome.ERROR, Outcome.ERROR),
        (Outcome.UNSUPPORTED, Outcome.UNSUPPORTED),
    ],
)
def test_an_expected_failure(found, becomes):
    (result,) = results(found)
    assert result.expected_to_fail("issue 12").outcome is becomes
    assert result.expected_to_fail(None) is result


@pytest.mark.parametrize("bad", sorted(set(Outcome) - GOOD))
def test_a_bad_outcome_fails_the_run_and_its_node(bad):
    assert not good(results(Outcome.PASS, bad))
    assert node_outcome(results(Outcome.PASS, bad)) is bad


def test_unsupported_does_not_count_as_a_pass():
    assert not good(results(Outcome.UNSUPPORTED))
    assert good(results(Outcome.UNSUPPORTED, Outcome.PASS))
    assert node_outcome(results(Outcome.UNSUPPORTED, Outcome.PASS)) is Outcome.UNSUPPORTED


def test_a_node_has_the_worst_outcome_of_its_cases():
    assert node_outcome(results(Outcome.PASS, Outcome.PASS)) is Outcome.PASS
    assert node_outcome(results(Outcome.PASS, Outcome.XFAIL, Outcome.FAIL)) is Outcome.FAIL
    assert node_outcome(results(Outcome.FAIL, Outcome.ERROR)) is Outcome.ERROR
    assert node_outcome([]) is Outcome.NOT_RUN
