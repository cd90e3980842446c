"""The judge: runs one case on one backend and determines the outcome."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import nirx
from nirx.basics.paths import format_path
from nirx.comparison.silence import NO_SILENCE, Silence, active, find_silence
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.recording import resolve_record
from nirx.graphs.state import map_tree, state_to_numpy
from nirx_conformance import oracle
from nirx_conformance.cases import FixedCase, in_dtype
from nirx_conformance.digests import case_digest, committed
from nirx_conformance.suite.expected import Expected, case_graph, expect
from nirx_conformance.suite.explanation import Difference, Explanation, explain
from nirx_conformance.suite.outcome import Outcome, Result

__all__ = ["Checked", "graph_numbers", "judge", "judge_bits", "timed", "wrong_outputs"]

AROUND = 40
"""Steps before and after the first divergence that a report draws."""

FLOAT32_TOLERANCE = 2e-4
"""Of a node's largest magnitude, where the case's own tolerance is meant for float64."""

Checked = tuple[str | None, Explanation | None, dict[str, Any] | None, Silence]
"""The fault, None for a pass; the explanation; the traces to plot; what never spiked."""


def judge(
    case: FixedCase, backend: Any, dtype: str | None = None, expected: Expected | None = None
) -> Result:
    """Run a case and compare it with the oracle.

    Arguments:
        backend: has `name` and `prepare`; see `nirx.execution.backend`. A backend that cannot
            record declares `records = "outputs"`; then only its outputs are compared.
        dtype: None takes the case's own.
        expected: the oracle's results; None computes them.

    Returns: pass, fail, unsupported (`UnsupportedError`, or `NotImplementedError` from
    `prepare`) or error (any other exception).
    """
    return timed(case, backend, lambda: _run(case, backend, dtype or case.dtype, expected))


def judge_bits(case: FixedCase, backend: Any, dtype: str | None = None) -> Result:
    """Run a case in reproducible mode and compare its digest with the committed one."""
    kind = dtype or case.dtype

    def check() -> Checked:
        try:
            backend.prepare(case.graph, case.discretization, kind, reproducible=True)
        except (NotImplementedError, TypeError) as error:
            # TypeError: `prepare` has no argument `reproducible`.
            raise nirx.UnsupportedError(str(error)) from error
        found = case_digest(case, backend, kind)
        same = found == committed()[case.name][kind]
        return (
            None if same else f"digest {found[:16]}..., the committed one differs",
            None,
            None,
            NO_SILENCE,
        )

    return timed(case, backend, check)


def timed(case: Any, backend: Any, check: Callable[[], Checked]) -> Result:
    """The result of a check: of a case with `name` and `types`."""
    start = time.perf_counter()
    explanation, plot, silence = None, None, NO_SILENCE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fault, explanation, plot, silence = check()
        outcome, message = (Outcome.PASS, "") if fault is None else (Outcome.FAIL, fault)
    except nirx.UnsupportedError as error:
        outcome, message = Outcome.UNSUPPORTED, str(error)
    except Exception as error:  # a backend under test may raise anything
        place = traceback.extract_tb(error.__traceback__)[-1]
        outcome = Outcome.ERROR
        message = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"
    seconds = time.perf_counter() - start
    found = Result(case.name, backend.name, outcome, case.types, seconds, message)
    layers, silent = len(silence.layers), silence.silent
    return replace(found, explanation=explanation, plot=plot, layers=layers, silent=silent)


def _run(case: FixedCase, backend: Any, kind: str, expected: Expected | None) -> Checked:
    expected = expected or expect(case, kind)
    graph, inputs = case_graph(case, kind), in_dtype(case.inputs, kind)
    start = map_tree(np.array, expected.start)
    kept = nirx.digest((inputs, start, graph_numbers(graph)))
    try:
        run = backend.prepare(graph, case.discretization, kind)
    except NotImplementedError as error:
        raise nirx.UnsupportedError(str(error)) from error
    records = getattr(backend, "records", "all") == "all"
    found = run(inputs, start, "all" if records else ())
    outputs, state, recordings = (state_to_numpy(part) for part in found)
    if not records:
        expected, recordings = _outputs_only(expected, outputs)
        state = expected.result.state if state is None else state
    if nirx.digest((inputs, start, graph_numbers(graph))) != kept:
        return "the backend changed the input, state or graph it was given", None, None, NO_SILENCE
    fault, explanation = _compare(case, kind, expected, outputs, state, recordings)
    silence = _silence(case, expected)
    if fault is None or explanation is None or explanation.worst is None:
        return fault, explanation, None, silence
    plot = _around(explanation.worst, expected, recordings)
    return str(explanation.beyond or fault), explanation, plot, silence


def _silence(case: FixedCase, expected: Expected) -> Silence:
    schedule = nirx.schedule(case.graph, case.discretization)
    seen = active(expected.result.recordings, resolve_record(schedule, "all"))
    return find_silence(case.graph, schedule, seen)


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
    names = list(expected.result.outputs)
    return agreement.fault or wrong_outputs(names, outputs, recordings), explanation


def _outputs_only(expected: Expected, outputs: Any) -> tuple[Expected, dict[str, Any]]:
    """The expectation and the recordings reduced to the outputs."""
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
    return None if wrong is None else f"values in {wrong}, {kind} was requested"


def _wrong_shape(expected: Expected, recordings: Any) -> str | None:
    missing = sorted(set(expected.result.recordings) ^ set(recordings))
    if missing:
        return f"recorded keys differ: {', '.join(missing[:3])}"
    for key, ours in expected.result.recordings.items():
        if np.asarray(recordings[key]).shape != ours.shape:
            return f"{key} has shape {np.asarray(recordings[key]).shape}; expected {ours.shape}"
    return None


def wrong_outputs(names: list[str], outputs: Any, recordings: Any) -> str | None:
    """Outputs must be present and equal to what was recorded at the Outputs.

    Arguments:
        names: of the Outputs.
    """
    given = outputs if isinstance(outputs, dict) else dict.fromkeys(names[:1], outputs)
    if set(given) != set(names):
        return f"outputs are {sorted(given)}; expected {sorted(names)}"
    for name, value in given.items():
        if value is None or not np.array_equal(
            value, recordings[format_path((name,))], equal_nan=True
        ):
            return f"output {name!r} differs from the recording of its node"
    return None


def graph_numbers(graph: Any) -> Any:
    """Every array of numbers in a graph."""
    return {
        (*path, str(name), key): value
        for path, own, _ in walk_graphs(graph)
        for name, node in own.nodes.items()
        for key, value in vars(node).items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    }


def _around(first: Difference, expected: Expected, recordings: Any) -> dict[str, Any]:
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
