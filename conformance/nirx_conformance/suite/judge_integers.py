"""The judge of integers: runs one case on one backend; every number has to be the oracle's."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

import nirx
from nirx.basics.paths import format_path
from nirx.comparison.silence import NO_SILENCE
from nirx.graphs.state import map_tree, state_to_numpy
from nirx_conformance.cases import FixedCase
from nirx_conformance.oracle import integers
from nirx_conformance.suite.expected import joined
from nirx_conformance.suite.judge import Checked, graph_numbers, timed, wrong_outputs
from nirx_conformance.suite.outcome import Result

__all__ = ["ExpectedIntegers", "expect_integers", "judge_integers"]


@dataclass(frozen=True)
class ExpectedIntegers:
    """The results of the oracle.

    Arguments:
        start: the state before the first step, as int64; None for the initial state.
        result: after the warmup.
    """

    start: Any
    result: integers.IntegerResult


def expect_integers(case: FixedCase) -> ExpectedIntegers:
    """Run the oracle."""
    graph, rule = case.graph, case.discretization
    if case.warmup is None:
        return ExpectedIntegers(None, integers.run(graph, rule, case.inputs))
    before = integers.run(graph, rule, case.warmup)
    whole = integers.run(graph, rule, joined(case.warmup, case.inputs))
    steps = len(next(iter(before.recordings.values())))
    after = integers.IntegerResult(
        {k: v[steps:] for k, v in whole.outputs.items()},
        {k: v[steps:] for k, v in whole.recordings.items()},
        whole.state,
    )
    return ExpectedIntegers(_arrays(before.state), after)


def _arrays(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _arrays(own) for name, own in tree.items()}
    return np.array(tree, np.int64)


def judge_integers(
    case: FixedCase, backend: Any, expected: ExpectedIntegers | None = None
) -> Result:
    """Run a case of whole numbers and compare outputs, recordings and states with the oracle.

    Arguments:
        backend: as for `judge`. It computes in integers where `discretization.arithmetic` is not
            None, whatever dtype it is asked for, and returns arrays of integers.
        expected: the oracle's results; None computes them.

    Returns: pass, fail, unsupported or error, as of `judge`.
    """
    return timed(case, backend, lambda: _check(case, backend, expected))


def _check(case: FixedCase, backend: Any, expected: ExpectedIntegers | None) -> Checked:
    expected = expected or expect_integers(case)
    inputs = copy.deepcopy(case.inputs)
    start = None if expected.start is None else map_tree(np.array, expected.start)
    kept = nirx.digest((inputs, start, graph_numbers(case.graph)))
    try:
        run = backend.prepare(case.graph, case.discretization, "float64")
    except NotImplementedError as error:
        raise nirx.UnsupportedError(str(error)) from error
    records = getattr(backend, "records", "all") == "all"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = run(inputs, start, "all" if records else ())
    outputs, state, recordings = (state_to_numpy(part) for part in found)
    if nirx.digest((inputs, start, graph_numbers(case.graph))) != kept:
        fault = "the backend changed the input, state or graph it was given"
    elif records:
        fault = (
            _not_integers(outputs, state, recordings)
            or integers.difference(expected.result, recordings, state)
            or wrong_outputs(list(expected.result.outputs), outputs, recordings)
        )
    else:
        fault = _outputs_fault(expected.result, outputs, state)
    return fault, None, None, NO_SILENCE


def _outputs_fault(result: integers.IntegerResult, outputs: Any, state: Any) -> str | None:
    """The fault of a backend that cannot record: only its outputs, and its state if it has one."""
    names = list(result.outputs)
    given = outputs if isinstance(outputs, dict) else dict.fromkeys(names[:1], outputs)
    keys = {name: format_path((name,)) for name in names}
    if set(given) != set(names):
        return f"outputs are {sorted(given)}; expected {sorted(names)}"
    ours = integers.IntegerResult(
        result.outputs, {keys[n]: result.outputs[n] for n in names}, result.state
    )
    theirs = {keys[n]: given[n] for n in names}
    return _not_integers(given, state) or integers.difference(ours, theirs, state)


def _not_integers(*trees: Any) -> str | None:
    leaves: list[Any] = []
    map_tree(leaves.append, [tree for tree in trees if tree is not None])
    wrong = next((str(a.dtype) for a in leaves if a.dtype.kind not in "iu"), None)
    return None if wrong is None else f"values in {wrong}; expected integers"
