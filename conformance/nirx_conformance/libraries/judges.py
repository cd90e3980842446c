"""The judges: one column of the matrix each."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nir
import numpy as np

import nirx
from nirx.bridging.adapt import adapt_graph
from nirx.bridging.bridge import Bridge
from nirx.execution.backend import find_backend
from nirx.execution.refusal import NotRepresentable
from nirx_conformance.libraries.importers import RefusedError
from nirx_conformance.libraries.library import Library
from nirx_conformance.libraries.messages import clean, first_line
from nirx_conformance.libraries.rows import Row
from nirx_conformance.libraries.trials import BATCH, Trial
from nirx_conformance.libraries.verdict import Outcome, Verdict, compared, explained

__all__ = ["JUDGES", "judge_bridge", "judge_importer", "judge_own_steps", "judge_taken"]


def judge_importer(library: Library, row: Row) -> Verdict:
    """The library's own importer against NIR's plain step, in float32."""
    if library.importer is None:
        return Verdict(Outcome.NONE)
    trial = row.build(library.dt, library.unit_gain)
    try:
        imported = library.importer(copy.deepcopy(trial.graph), library.dt, BATCH)
    except Exception as error:
        return Verdict(Outcome.REFUSED, first_line(error))
    try:
        found = np.asarray(imported.run(trial.xs.copy()))
    except RefusedError as error:
        return Verdict(Outcome.REFUSED, first_line(error.__cause__ or error))
    except Exception as error:
        return Verdict(Outcome.CRASH, first_line(error))
    step = nirx.Discretization(dt=imported.dt or library.dt)
    verdict = compared(trial, step, "float32", lambda _: found)
    if verdict.outcome is not Outcome.DIFFERENT:
        return verdict
    text = explained(library, trial, step, found)
    return replace(verdict, detail=f"{verdict.detail}; {text}") if text else verdict


def judge_bridge(library: Library, row: Row) -> Verdict:
    """nirx's bridge to the library, with NIR's plain step."""
    trial = row.build(library.dt, library.unit_gain)
    return _bridged(library.bridge(), trial, nirx.Discretization(dt=library.dt))


def judge_own_steps(library: Library, row: Row) -> Verdict:
    """nirx's bridge with each of the library's own steps that it accepts: the worst result."""
    trial = row.build(library.dt, library.unit_gain)
    bridge = library.bridge()
    seen: dict[nirx.Discretization, Verdict | NotRepresentable] = {}  # presets may have equal steps
    names = []
    for name in bridge.presets:
        step = replace(nirx.PRESETS[name], dt=library.dt)
        if step not in seen:
            seen[step] = _stepped(bridge, trial, step)
        result = seen[step]
        if isinstance(result, Verdict):
            names.append(name)
            if result.by_nirx:
                break  # the library has no part in it, so other steps would add nothing
    verdicts = [v for v in seen.values() if isinstance(v, Verdict)]
    if verdicts:
        worst = max(verdicts, key=lambda v: list(Outcome).index(v.outcome))
        return replace(worst, steps=tuple(names))
    refusals = [r for r in seen.values() if isinstance(r, NotRepresentable)]
    # An unsupported parameter says more than the step of another neuron of the library.
    first = next((r for r in refusals if r.node is not None), refusals[0])
    return Verdict(Outcome.REFUSED, _refusal(first))


def judge_taken(library: Library, row: Row) -> Verdict:
    """Whether an importer accepts the graph, for libraries without time steps."""
    assert library.importer is not None
    trial = row.build(library.dt, library.unit_gain)
    try:
        library.importer(trial.graph, library.dt, BATCH)
    except Exception as error:
        return Verdict(Outcome.REFUSED, first_line(error))
    return Verdict(Outcome.TAKEN)


def _stepped(bridge: Bridge, trial: Trial, step: nirx.Discretization) -> Verdict | NotRepresentable:
    try:
        adapt_graph(trial.graph, nirx.schedule(trial.graph, step), bridge.node_map, _dtype(bridge))
    except NotRepresentable as refusal:
        return refusal
    return _bridged(bridge, trial, step)


def _dtype(bridge: Bridge) -> str:
    return "float64" if "float64" in bridge.dtypes else "float32"


def _bridged(bridge: Bridge, trial: Trial, step: nirx.Discretization) -> Verdict:
    dtype = _dtype(bridge)
    by_nirx = not any(kind in bridge.node_map for kind in _types(trial.graph))
    try:
        prepare = find_backend(bridge.backend).prepare
        run = prepare(trial.graph, step, dtype, node_map=bridge.node_map)
    except nirx.UnsupportedError as refusal:
        return Verdict(Outcome.REFUSED, _refusal(refusal), by_nirx)
    except Exception as error:
        return Verdict(Outcome.CRASH, first_line(error), by_nirx)

    def outputs(inputs: Any) -> Any:
        return run(inputs, None, [trial.watch])[2][trial.watch]

    try:
        return replace(compared(trial, step, dtype, outputs), by_nirx=by_nirx)
    except Exception as error:
        return Verdict(Outcome.CRASH, first_line(error), by_nirx)


def _refusal(error: nirx.UnsupportedError) -> str:
    """Its text without the path of the node, which the row names."""
    if isinstance(error, NotRepresentable):
        return clean(f"{error.found}; {error.expected}")
    return clean(str(error))


def _types(graph: nir.NIRGraph) -> set[type]:
    kinds: set[type] = set()
    for node in graph.nodes.values():
        kinds |= _types(node) if isinstance(node, nir.NIRGraph) else {type(node)}
    return kinds


JUDGES: dict[str, Callable[[Library, Any], Verdict]] = {
    "importer": judge_importer,
    "bridge": judge_bridge,
    "own steps": judge_own_steps,
    "taken": judge_taken,
}
"""Column -> the judge of its cells."""
