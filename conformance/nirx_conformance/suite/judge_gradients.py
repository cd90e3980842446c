"""The judge of gradients: runs one case backwards on one backend and determines the outcome."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

import nirx
from nirx.comparison.silence import NO_SILENCE
from nirx.graphs.state import map_tree
from nirx_conformance.cases.gradient_case import GradientCase, cotangents
from nirx_conformance.oracle.gradients import Backward, Choice, Cotangents, Gradients
from nirx_conformance.suite.expected import expect
from nirx_conformance.suite.gradient_bound import gradient_fault
from nirx_conformance.suite.judge import Checked, graph_numbers, timed
from nirx_conformance.suite.outcome import Result

__all__ = ["ExpectedGradients", "expect_gradients", "judge_gradients", "smallest_margin"]

NO_GRADIENTS = "no gradients: the backend has no prepare_gradients"


@dataclass(frozen=True)
class ExpectedGradients:
    """The results of the oracle.

    Arguments:
        start: the state to start from, or None.
        weights: of the run's results in the loss.
        gradients: of the loss.
        margins: the distance of every neuron from its spike decisions, by key and step.
    """

    start: Any
    weights: Cotangents
    gradients: Gradients
    margins: dict[str, list[np.ndarray]]


def expect_gradients(case: GradientCase, recordings: bool = True) -> ExpectedGradients:
    """Run the oracle, forwards and backwards.

    Arguments:
        recordings: whether the loss contains them.
    """
    fixed = case.case
    forwards = expect(fixed)
    weights = cotangents(forwards.result, recordings)
    choice = Choice(case.surrogate, case.detach_reset)
    oracle = Backward(fixed.graph, fixed.discretization, choice)
    found = oracle.run(fixed.inputs, weights, forwards.start)
    return ExpectedGradients(forwards.start, weights, found, oracle.margins)


def smallest_margin(margins: dict[str, list[np.ndarray]]) -> float:
    """The smallest distance from a spike decision; infinity if nothing decides on spikes."""
    each = (float(np.min(m, initial=np.inf)) for own in margins.values() for m in own)
    return min(each, default=np.inf)


def judge_gradients(
    case: GradientCase, backend: Any, expected: ExpectedGradients | None = None
) -> Result:
    """Run a case backwards in float64 and compare with the oracle.

    Arguments:
        backend: has `name` and, to be more than unsupported, `prepare_gradients`; see
            `nirx.execution.backend.GradientBackend`. One that cannot record declares
            `records = "outputs"`.
        expected: the oracle's results; None computes them.

    Returns: pass, fail, unsupported or error, as of `judge`.
    """
    return timed(case, backend, lambda: _check(case, backend, expected))


def _check(case: GradientCase, backend: Any, expected: ExpectedGradients | None) -> Checked:
    prepare = getattr(backend, "prepare_gradients", None)
    if prepare is None:
        raise nirx.UnsupportedError(NO_GRADIENTS)
    records = getattr(backend, "records", "all") == "all"
    expected = expected or expect_gradients(case, records)
    fixed = case.case
    given = copy.deepcopy(fixed.inputs), map_tree(np.array, expected.start)
    weights = map_tree(np.array, expected.weights)
    kept = nirx.digest((given, graph_numbers(fixed.graph)))
    try:
        run = prepare(
            fixed.graph,
            fixed.discretization,
            "float64",
            surrogate=case.surrogate,
            detach_reset=case.detach_reset,
        )
    except NotImplementedError as error:
        raise nirx.UnsupportedError(str(error)) from error
    found = run(given[0], weights, given[1])
    if nirx.digest((given, graph_numbers(fixed.graph))) != kept:
        fault = "the backend changed the input, state or graph it was given"
    else:
        fault = gradient_fault(expected.gradients, found)
    return fault, None, None, NO_SILENCE
