"""The free run: the whole graph with the discretization found, driven by its inputs alone."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from nirx.basics.paths import Path
from nirx.comparison.divergence import Divergence, find_first
from nirx.diagnosis.candidates import is_searched
from nirx.diagnosis.finished import Finished
from nirx.diagnosis.gains import scaled_graph
from nirx.diagnosis.groups import upstream
from nirx.diagnosis.observed import Trace
from nirx.diagnosis.problem import Problem
from nirx.diagnosis.result import Confirmed
from nirx.dynamics.discretization import Discretization
from nirx.errors import NirxWarning
from nirx.execution.numpy_backend import from_nir
from nirx.graphs.schedule import Schedule, ScheduledNode

__all__ = ["confirm", "first_failure"]


def confirm(
    problem: Problem, discretization: Discretization, best: Mapping[Path, Finished]
) -> tuple[Confirmed, ...]:
    """Run the graph and compare it with every recording.

    Arguments:
        best: per node the candidate whose shift, fits and gains to allow for.
    """
    each = [(path, trace) for path, own in problem.traces.items() for trace in own]
    keys = [trace.record_key(path) for path, trace in each]
    graph = scaled_graph(problem.graph, {path: own.lane.gain for path, own in best.items()})
    with warnings.catch_warnings():
        # They concern the graph as it was found to run, not as its author asked for.
        warnings.simplefilter("ignore", NirxWarning)
        net = from_nir(graph, discretization, str(problem.ops.dtype))
    _, _, recorded = net.run(dict(problem.inputs), record=keys)
    shifts = _total_shifts(net.schedule, problem, best)
    results = []
    for (path, trace), key in zip(each, keys, strict=True):
        shift, whole = shifts[path], trace.values.size
        simulated = {trace.key: recorded[key]}
        differing, first = first_failure([trace], simulated, shift, best[path].fit)
        compared = trace.values[abs(shift) :].size
        own = Confirmed(trace.key, trace.spikes, compared, differing, whole, shift, first)
        results.append(own)
    return tuple(results)


def first_failure(
    traces: Sequence[Trace],
    simulated: Mapping[str, np.ndarray],
    shift: int,
    fit: Mapping[str, tuple[float, float]],
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


def _total_shifts(
    schedule: Schedule, problem: Problem, best: Mapping[Path, Finished]
) -> dict[Path, int]:
    """Per node its own shift plus that of the recorded nodes that drive it."""

    def unrecorded(node: ScheduledNode) -> bool:
        return node.path not in problem.outputs or not is_searched(node.dynamics)

    total: dict[Path, int] = {}
    for node in schedule.nodes:
        if node.path in best:
            before = upstream(schedule, [node.path], unrecorded)
            driving = [total[own.path] for own in before if own.path in total]
            total[node.path] = best[node.path].shift + max(driving, key=abs, default=0)
    return total
