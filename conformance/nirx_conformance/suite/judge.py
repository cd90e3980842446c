"""The judge: runs one case on one backend and says what became of it."""

from __future__ import annotations

import time
import traceback
import warnings
from typing import Any

import numpy as np

import nirx
from nirx.basics.paths import format_path
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.state import map_tree, state_to_numpy
from nirx_conformance import oracle
from nirx_conformance.cases import FixedCase, in_dtype
from nirx_conformance.digests import case_digest, committed
from nirx_conformance.suite.expected import Expected, case_graph, expect
from nirx_conformance.suite.explanation import Explanation, explain
from nirx_conformance.suite.outcome import Outcome, Result

__all__ = ["judge", "judge_bits"]

AROUND = 40
"""Steps before and after the first divergence that a report draws."""

FLOAT32_TOLERANCE = 2e-4
"""Of a node's largest magnitude, where the case's own tolerance is one for float64."""


def judge(
    case: FixedCase, backend: Any, dtype: str | None = None, expected: Expected | None = None
) -> Result:
    """Run a case and compare it with the oracle.

    Arguments:
        backend: has `name` and `prepare`; see `nirx.execution.backend`. One that cannot record
            says `records = "outputs"`, and is judged by its outputs alone.
        dtype: None takes the case's own.
        expected: what the oracle says; None asks it.

    Returns: pass, fail, unsupported (the backend said so, by `UnsupportedError`, or by
    `NotImplementedError` from `prepare`) or error (anything else that was raised).
    """
    kind = dtype or case.dtype
    start = time.perf_counter()

    def result(outcome: Outcome, message: str = "", **more: Any) -> Result:
        seconds = time.perf_counter() - start
        return Result(case.name, backend.name, outcome, case.types, seconds, message, **more)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = expected or expect(case, kind)
            graph, inputs = case_graph(case, kind), in_dtype(case.inputs, kind)
            begin = map_tree(np.array, expected.start)
            kept = nirx.digest((inputs, begin, _numbers(graph)))
            try:
                run = backend.prepare(graph, case.discretization, kind)
            except NotImplementedError as error:
                return result(Outcome.UNSUPPORTED, str(error))
            whole = getattr(backend, "records", "all") == "all"
            found = run(inputs, begin, "all" if whole else ())
            outputs, state, recordings = (state_to_numpy(part) for part in found)
            if not whole:
                expected, recordings = _outputs_only(case, expected, outputs)
                state = expected.result.state if state is None else state
            if nirx.digest((inputs, begin, _numbers(graph))) != kept:
                message = "the backend changed the input, state or graph it was given"
                return result(Outcome.FAIL, message)
            fault, explanation = _compare(case, kind, expected, outputs, state, recordings)
    except nirx.UnsupportedError as error:
        return result(Outcome.UNSUPPORTED, str(error))
    except Exception as error:  # a backend under test may raise anything
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename}:{place.lineno}"
        return result(Outcome.ERROR, f"{type(error).__name__}: {error} ({where})")
    if fault is None:
        return result(Outcome.PASS, explanation=explanation)
    message = str(explanation.beyond) if explanation and explanation.beyond else fault
    plot = _around(explanation, expected, recordings)
    return result(Outcome.FAIL, message, explanation=explanation, plot=plot)


def judge_bits(case: FixedCase, backend: Any, dtype: str | None = None) -> Result:
    """Run a case in reproducible mode and compare its digest with the committed one."""
    kind = dtype or case.dtype
    start = time.perf_counter()
    try:
        try:
            backend.prepare(case.graph, case.discretization, kind, reproducible=True)
        except (NotImplementedError, TypeError) as error:
            # TypeError: a backend that never heard of reproducible=True does not support it.
            raise nirx.UnsupportedError(str(error)) from error
        found = case_digest(case, backend, kind)
        good = found == committed()[case.name][kind]
        outcome = Outcome.PASS if good else Outcome.FAIL
        message = "" if good else f"digest {found[:16]}..., committed another"
    except nirx.UnsupportedError as error:
        outcome, message = Outcome.UNSUPPORTED, str(error)
    except Exception as error:
        outcome, message = Outcome.ERROR, f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - start
    return Result(case.name, backend.name, outcome, case.types, seconds, message)


def _compare(
    case: FixedCase, kind: str, expected: Expected, outputs: Any, state: Any, recordings: Any
) -> tuple[str | None, Explanation | None]:
    fault = _wrong_dtype(kind, outputs, recordings, state) or _wrong_shape(expected, recordings)
    if fault:
        return fault, None
    exact = kind == "float64" or case.tolerance == 0
    tolerance = case.tolerance if exact else max(case.tolerance, FLOAT32_TOLERANCE)
    agreement = oracle.compare(expected.result, recordings, state, tolerance)
    schedule = nirx.schedule(case.graph, case.discretization)
    explanation = explain(
        expected.result, recordings, kind, schedule, agreement.excused_at, tolerance
    )
    return agreement.fault or _wrong_outputs(expected, outputs, recordings), explanation


def _outputs_only(
    case: FixedCase, expected: Expected, outputs: Any
) -> tuple[Expected, dict[str, Any]]:
    """For a backend that cannot record: what there is to compare are its outputs."""
    names = list(expected.result.outputs)
    outputs = outputs if isinstance(outputs, dict) else {names[0]: outputs}
    keys = {name: format_path((name,)) for name in names}
    ours = {keys[n]: expected.result.recordings[keys[n]] for n in names}
    reduced = oracle.OracleResult(expected.result.outputs, ours, expected.result.state, {})
    return Expected(expected.start, reduced), {keys[n]: outputs[n] for n in names if n in outputs}


def _wrong_dtype(kind: str, *trees: Any) -> str | None:
    leaves: list[Any] = []
    map_tree(leaves.append, trees)
    wrong = next((str(a.dtype) for a in leaves if str(a.dtype) != kind), None)
    return None if wrong is None else f"numbers in {wrong} where {kind} was asked for"


def _wrong_shape(expected: Expected, recordings: Any) -> str | None:
    missing = sorted(set(expected.result.recordings) ^ set(recordings))
    if missing:
        return f"recorded keys differ: {', '.join(missing[:3])}"
    for key, ours in expected.result.recordings.items():
        if np.asarray(recordings[key]).shape != ours.shape:
            return f"{key} has shape {np.asarray(recordings[key]).shape}; expected {ours.shape}"
    return None


def _wrong_outputs(expected: Expected, outputs: Any, recordings: Any) -> str | None:
    """Outputs have to be there, and what was recorded at the Outputs."""
    names = list(expected.result.outputs)
    given = outputs if isinstance(outputs, dict) else dict.fromkeys(names[:1], outputs)
    if set(given) != set(names):
        return f"outputs are {sorted(given)}; expected {sorted(names)}"
    for name, value in given.items():
        if value is None or not np.array_equal(
            value, recordings[format_path((name,))], equal_nan=True
        ):
            return f"output {name!r} is not what its node gave"
    return None


def _numbers(graph: Any) -> Any:
    """Every array of a graph."""
    return {
        (*path, str(name), key): value
        for path, own, _ in walk_graphs(graph)
        for name, node in own.nodes.items()
        for key, value in vars(node).items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    }


def _around(explanation: Explanation | None, expected: Expected, recordings: Any) -> Any:
    first = explanation.worst if explanation else None
    if first is None:
        return None
    steps = slice(max(0, first.step - AROUND), first.step + AROUND)
    place = (steps, *first.index)
    ours = expected.result.recordings[first.node][place]
    theirs = np.asarray(recordings[first.node])[place]
    return {
        "node": first.node,
        "index": list(first.index),
        "step": first.step,
        "from": steps.start,
        "expected": [float(x) for x in ours],
        "found": [float(x) for x in theirs],
    }
