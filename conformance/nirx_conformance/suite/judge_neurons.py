"""The judge of neurons outside NIR: a backend's run against what the library itself computed."""

from __future__ import annotations

from typing import Any

import numpy as np

import nirx
from nirx.comparison.silence import NO_SILENCE
from nirx.graphs.state import state_to_numpy
from nirx_conformance.recorded import RecordedCase
from nirx_conformance.suite.judge import Checked, graph_numbers, timed
from nirx_conformance.suite.outcome import Result

__all__ = ["judge_neurons"]

NODE = "n0"
RULE = nirx.Discretization(dt=1.0)


def judge_neurons(case: RecordedCase, backend: Any) -> Result:
    """Run a recorded neuron; spikes have to be equal, states within the record's tolerance.

    Arguments:
        backend: as for `judge`.

    Returns: pass, fail, unsupported or error, as of `judge`.
    """
    return timed(case, backend, lambda: _check(case, backend))


def _check(case: RecordedCase, backend: Any) -> Checked:
    about, graph, inputs = case.about, case.graph, case.inputs.copy()
    kept = nirx.digest((inputs, graph_numbers(graph)))
    try:
        run = backend.prepare(graph, RULE, about["dtype"])
    except NotImplementedError as error:
        raise nirx.UnsupportedError(str(error)) from error
    records = getattr(backend, "records", "all") == "all"
    names = "all" if records else ()
    outputs, _, recordings = map(state_to_numpy, run(inputs, None, names))
    found = {"output": outputs["output"] if isinstance(outputs, dict) else outputs}
    wanted = {"output": case.outputs}
    if records:
        found |= {name: recordings.get(f"{NODE}.{name}") for name in case.states}
        wanted |= case.states
    if nirx.digest((inputs, graph_numbers(graph))) != kept:
        return "the backend changed the input or graph it was given", None, None, NO_SILENCE
    faults = (
        _fault(name, found[name], wanted[name], about["tolerance"]) for name in ("output", *wanted)
    )
    return next((fault for fault in faults if fault), None), None, None, NO_SILENCE


def _fault(name: str, found: Any, wanted: np.ndarray, tolerance: float) -> str | None:
    """What is wrong with one array: the first step and neuron that differ."""
    if found is None or np.shape(found) != wanted.shape:
        shape = "missing" if found is None else f"of shape {np.shape(found)}"
        return f"{name!r} is {shape}; expected {wanted.shape}"
    spikes = bool(((wanted == 0) | (wanted == 1)).all())
    allowed = 0.0 if spikes else tolerance * max(1.0, float(np.abs(wanted).max(initial=0.0)))
    wrong = ~(np.abs(np.asarray(found, np.float64) - wanted) <= allowed)
    if not wrong.any():
        return None
    where = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"{name!r} is {float(found[where])!r} in step {where[0]}, sample {where[1]}, neuron "
        f"{list(where[2:])}; the library has {float(wanted[where])!r} (tolerance {allowed:g})"
    )
