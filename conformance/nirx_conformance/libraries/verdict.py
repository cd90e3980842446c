"""`Verdict`: whether a library's run of a graph is the exact executor's, and if not, how."""

from __future__ import annotations

import copy
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

import nir
import numpy as np

import nirx
from nirx.bridging.adapt import adapt_graph
from nirx.bridging.bridge import Bridge
from nirx.comparison.result import NodeComparison
from nirx.dynamics.discretization import CHOICES
from nirx.execution.backend import find_backend
from nirx.execution.refusal import NotRepresentable
from nirx_conformance.libraries.importers import RefusedError
from nirx_conformance.libraries.library import Library
from nirx_conformance.libraries.rows import BATCH, Row, Trial

__all__ = ["Outcome", "Verdict", "judge_bridge", "judge_importer", "judge_own_steps", "judge_taken"]


class Outcome(StrEnum):
    """What a cell says, from good to bad; then what is none of that."""

    EXACT = "exact"
    ROUNDING = "rounding"
    DIFFERENT = "different"
    REFUSED = "refused"
    CRASH = "crash"
    NONE = "none"
    TAKEN = "taken"


@dataclass(frozen=True)
class Verdict:
    """One cell.

    Arguments:
        detail: how it differs, or the text of the refusal or the crash.
        by_nirx: whether no node of the graph is the library's: nirx ran them all itself.
        steps: the presets that a bridge ran with; none for NIR's plain step.
    """

    outcome: Outcome
    detail: str = ""
    by_nirx: bool = False
    steps: tuple[str, ...] = ()


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
    verdict = _compared(trial, step, "float32", lambda _: found)
    if verdict.outcome is not Outcome.DIFFERENT:
        return verdict
    text = _explained(library, trial, step, found)
    return replace(verdict, detail=f"{verdict.detail}; {text}") if text else verdict


def judge_bridge(library: Library, row: Row) -> Verdict:
    """nirx's bridge to the library under NIR's plain step."""
    trial = row.build(library.dt, library.unit_gain)
    bridge = library.bridge()
    return _bridged(bridge, trial, nirx.Discretization(dt=library.dt))


def judge_own_steps(library: Library, row: Row) -> Verdict:
    """nirx's bridge under each of the library's own steps that it accepts: the worst of them."""
    trial = row.build(library.dt, library.unit_gain)
    bridge = library.bridge()
    seen: dict[nirx.Discretization, Verdict | NotRepresentable] = {}  # presets may step alike
    names = []
    for name in bridge.presets:
        step = replace(nirx.PRESETS[name], dt=library.dt)
        if step not in seen:
            seen[step] = _stepped(bridge, trial, step)
        result = seen[step]
        if isinstance(result, Verdict):
            names.append(name)
            if result.by_nirx:
                break  # nothing of the library in it: no other step would tell more
    verdicts = [v for v in seen.values() if isinstance(v, Verdict)]
    if verdicts:
        worst = max(verdicts, key=lambda v: list(Outcome).index(v.outcome))
        return replace(worst, steps=tuple(names))
    refusals = [r for r in seen.values() if isinstance(r, NotRepresentable)]
    # A parameter that does not fit says more than the step of another neuron of the library.
    told = next((r for r in refusals if r.node is not None), refusals[0])
    return Verdict(Outcome.REFUSED, _refusal(told))


def judge_taken(library: Library, row: Row) -> Verdict:
    """Whether an importer takes the graph, for libraries without time steps."""
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
        return replace(_compared(trial, step, dtype, outputs), by_nirx=by_nirx)
    except Exception as error:
        return Verdict(Outcome.CRASH, first_line(error), by_nirx)


def _refusal(error: nirx.UnsupportedError) -> str:
    """Its text without the node's path, which the row says."""
    if isinstance(error, NotRepresentable):
        return clean(f"{error.found}; {error.expected}")
    return clean(str(error))


def _types(graph: nir.NIRGraph) -> set[type]:
    kinds: set[type] = set()
    for node in graph.nodes.values():
        kinds |= _types(node) if isinstance(node, nir.NIRGraph) else {type(node)}
    return kinds


def _compared(
    trial: Trial, step: nirx.Discretization, dtype: str, outputs: Callable[[Any], Any]
) -> Verdict:
    """A run against the exact executor's."""
    theirs = np.asarray(outputs(trial.xs.astype(dtype)))
    ours, node = _held(trial, step, dtype, theirs)
    if node is None:
        return Verdict(Outcome.DIFFERENT, f"an output of shape {theirs.shape}, not {ours.shape}")
    outcome = Outcome(node.fidelity)
    if outcome is not Outcome.DIFFERENT:
        return Verdict(outcome)
    if not node.spikes:
        text = f"values differ by up to {node.max_error:.2g}, where the largest is"
        return Verdict(outcome, f"{text} {float(np.abs(ours).max()):.2g}")
    if (theirs != np.round(theirs)).any():
        return Verdict(outcome, f"an output that is no spikes, but up to {theirs.max():.2g}")
    counts = f"{int(theirs.sum())} spikes where NIR's step gives {int(ours.sum())}"
    return Verdict(outcome, f"{node.differing} of {node.elements} elements differ: {counts}")


def _held(
    trial: Trial, step: nirx.Discretization, dtype: str, theirs: np.ndarray
) -> tuple[np.ndarray, NodeComparison | None]:
    """The exact executor's outputs, and how others compare; None if their shape is another."""
    xs = trial.xs.astype(dtype)
    _, _, recorded = nirx.from_nir(trial.graph, "numpy", step, dtype).run(xs, record=[trial.watch])
    ours = recorded[trial.watch]
    if theirs.shape != ours.shape:
        return ours, None

    def found(_: Any) -> Any:
        return {}, None, {trial.watch: theirs}

    options = {"discretization": step, "dtype": dtype, "record": [trial.watch]}
    (other,) = nirx.compare(trial.graph, xs, ["numpy", found], **options).others
    return ours, other.nodes[0]


def _explained(library: Library, trial: Trial, step: nirx.Discretization, theirs: Any) -> str:
    """The one choice, or the preset of the library's neurons, that gives what it gave."""
    others: dict[str, dict[str, Any]] = {
        f"{name}={value!r}": {name: value}
        for name, (default, *values) in CHOICES.items()
        for value in values
        if getattr(step, name) == default
    }
    for name, preset in nirx.PRESETS.items():
        if name.startswith(f"{library.name}."):
            others[f"the preset {name}"] = {**vars(preset), "dt": step.dt}
    for text, choices in others.items():
        known = {f.name: choices[f.name] for f in fields(step) if f.name in choices}
        try:
            node = _held(trial, replace(step, **known), "float32", theirs)[1]
        except nirx.NirxError:  # not every choice goes with every other
            continue
        if node is not None and node.fidelity != "different":
            return f"it is what {text} gives"
    return ""


def first_line(error: BaseException) -> str:
    """`"ValueError: r must be 1"`: the kind and the first line of an error's text.

    An error without a text gives the line of code that raised it.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        frames = traceback.extract_tb(error.__traceback__)[-1:]
        lines = [frame.line for frame in frames if frame.line]
    return clean(": ".join([type(error).__name__, *lines[:1]]))


LONGEST = 240


def clean(text: str) -> str:
    """A text without addresses and folders, which would differ from run to run."""
    text = re.sub(r"0x[0-9a-fA-F]+", "0x...", " ".join(text.split()))
    text = re.sub(r"(?<![\w<])/(?:[\w.+-]+/)+", "", text)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
