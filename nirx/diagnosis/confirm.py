"""The free run: the whole graph with the verdict, nothing in it driven by the recording."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.comparison.divergence import Divergence, find_first
from nirx.diagnosis.observed import Trace
from nirx.diagnosis.result import Confirmed
from nirx.dynamics.discretization import Discretization
from nirx.errors import NirxWarning
from nirx.execution.numpy_backend import from_nir

__all__ = ["confirm", "first_failure"]

Fit = Mapping[str, tuple[float, float]]


def confirm(
    graph: nir.NIRGraph,
    discretization: Discretization,
    inputs: Mapping[str, np.ndarray],
    traces: Mapping[Path, Sequence[Trace]],
    found: Mapping[Path, tuple[int, Fit]],
    dtype: str,
) -> tuple[Confirmed, ...]:
    """Run the graph freely and compare every recording with it.

    Arguments:
        found: per node the shift to allow for, and the fits of its membrane.
    """
    keys: dict[Any, Trace] = {
        (*path, *([] if t.variable is None else [t.variable])): t
        for path, own in traces.items()
        for t in own
    }
    with warnings.catch_warnings():
        # They are of the graph as it was found out to run, not as its author asked for.
        warnings.simplefilter("ignore", NirxWarning)
        net = from_nir(graph, discretization, dtype)
    _, _, recorded = net.run(dict(inputs), record=list(keys))
    results = []
    for path, own in traces.items():
        shift, fit = found[path]
        for trace in own:
            key = (*path, *([] if trace.variable is None else [trace.variable]))
            differing, first = first_failure([trace], {trace.key: recorded[key]}, shift, fit)
            steps = max(len(trace.values) - abs(shift), 0)
            size = steps * int(np.prod(trace.values.shape[1:], dtype=np.int64))
            results.append(
                Confirmed(trace.key, trace.spikes, size, differing, trace.values.size, shift, first)
            )
    return tuple(results)


def first_failure(
    traces: Sequence[Trace], simulated: Mapping[str, np.ndarray], shift: int, fit: Fit
) -> tuple[int, Divergence | None]:
    """How many elements a simulation does not explain, and the first of them.

    Arguments:
        simulated: per key [time, *batch, *features].
        shift: observed[t] is simulated[t - shift].
        fit: per key (scale, offset) from the simulated to the recorded membrane.
    """
    count, marked = 0, []
    for trace in traces:
        length = len(trace.values)
        theirs = np.full(trace.values.shape, np.nan)
        first, last = max(shift, 0), min(length + shift, length)
        if first < last:
            theirs[first:last] = simulated[trace.key][first - shift : last - shift]
        if trace.key in fit:
            scale, offset = fit[trace.key]
            theirs = scale * theirs + offset
        with np.errstate(invalid="ignore"):
            wrong = ~(np.abs(theirs - trace.values) <= trace.tolerance)
        wrong[:first], wrong[last:] = False, False
        count += int(wrong.sum())
        marked.append((trace.key, wrong, trace.values, theirs))
    return count, find_first(marked)
