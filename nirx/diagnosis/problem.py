"""What a diagnosis is given, checked: the recordings, and the graph under each dt and feedback."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import getitem
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.diagnosis.candidates import Limits, dynamics_of
from nirx.diagnosis.observed import Traces
from nirx.dynamics.discretization import CHOICES, Discretization
from nirx.dynamics.ops import Shape
from nirx.errors import NirxWarning, UnsupportedError
from nirx.execution.assemble import assemble, native_arrays
from nirx.execution.execute import Executor
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.runners import NativeRunner
from nirx.graphs.schedule import Schedule
from nirx.graphs.state import FEEDBACK

__all__ = ["Problem", "Variant", "make_variants"]

GLOBAL = ("feedback", "feedback_initial")


@dataclass(frozen=True, eq=False)
class Variant:
    """One setting of the choices of a whole graph.

    Arguments:
        discretization: the start with these choices.
        covers: the searched ones of dt and the feedback choices; its own first, then those of
            all settings with the same behaviour.
        changes: how many choices differ from those asked for.
        parameters: per node its arrays, in the run's dtype.
        before: (target, source) -> what that feedback edge carries in the first step.
    """

    discretization: Discretization
    covers: tuple[Mapping[str, Any], ...]
    changes: int
    schedule: Schedule
    parameters: Mapping[Path, Mapping[str, np.ndarray]]
    before: Mapping[tuple[Path, Path], np.ndarray]


@dataclass(frozen=True, eq=False)
class Problem:
    """A graph, its input and its recordings.

    Arguments:
        start: the discretization that the search starts from.
        given: whether the caller or the graph asked for `start`; else it is nirx's default.
        variants: the graph under each setting of dt and the feedback choices.
        limits: per choice the values to try; the others are searched in full.
        inputs: per Input [time, *batch, *features].
        outputs: recorded outputs, which drive the nodes after them.
        traces: the recordings to be explained.
        max_shift: whole steps by which a node's recording may be late or early.
    """

    graph: nir.NIRGraph
    start: Discretization
    given: bool
    variants: Sequence[Variant]
    limits: Limits
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[Path, np.ndarray]
    traces: Traces
    max_shift: int
    ops: NumpyOps


def make_variants(
    graph: nir.NIRGraph,
    start: Discretization,
    steps: Sequence[float],
    limits: Limits,
    batch: Shape,
    ops: NumpyOps,
) -> list[Variant]:
    """All variants that differ in behaviour, those with the fewest changes first.

    Arguments:
        steps: the values of dt to try.
        limits: the values of the feedback choices to try; all if they are not in it.
        batch: the input's batch axes.

    **Raises**: `UnsupportedError` for a node that nirx has no dynamics for.
    """
    asked = {"dt": start.dt, **{name: getattr(start, name) for name in GLOBAL}}
    axes = [tuple(map(float, steps)), *(limits.get(name, CHOICES[name]) for name in GLOBAL)]
    every = [dict(zip(asked, own, strict=True)) for own in itertools.product(*axes)]

    def changes(own: Mapping[str, Any]) -> int:
        return sum(own[name] != asked[name] for name in asked)

    same: dict[Any, tuple[Variant, list[dict[str, Any]]]] = {}
    for own in sorted(every, key=changes):
        variant = _variant(graph, replace(start, **own), changes(own), ops, batch)
        first = tuple(variant.before[edge].tobytes() for edge in sorted(variant.before))
        behaviour = own["dt"], variant.schedule.feedback_edges, first
        same.setdefault(behaviour, (variant, []))[1].append(own)
    searched = [name for name in asked if len({own[0][name] for _, own in same.values()}) > 1]
    kept = []
    for variant, several in same.values():
        covers = [{name: own[name] for name in searched} for own in several]
        distinct = tuple(own for i, own in enumerate(covers) if own not in covers[:i])
        kept.append(replace(variant, covers=distinct))
    return kept


def _variant(
    graph: nir.NIRGraph, discretization: Discretization, changes: int, ops: NumpyOps, batch: Shape
) -> Variant:
    with warnings.catch_warnings():
        # They concern one of many discretizations, not the one that will be used.
        warnings.simplefilter("ignore", NirxWarning)
        assembly = assemble(graph, discretization, None, str(ops.dtype))
    schedule = assembly.schedule
    parameters = {}
    for place, node in zip(schedule.nodes, assembly.nodes, strict=True):
        if place.dynamics is None:
            raise UnsupportedError(
                f"{place.name!r}: nirx has no dynamics for {place.type_name}, so it cannot "
                "find out how it was discretized; use register_type(..., dynamics=...)"
            )
        arrays = native_arrays(type(place.dynamics), node)
        parameters[place.path] = {k: v.astype(ops.dtype) for k, v in arrays.items()}
    before = _before(schedule, parameters, ops, batch)
    return Variant(discretization, (), changes, schedule, parameters, before)


def _before(
    schedule: Schedule, parameters: Mapping[Path, Any], ops: NumpyOps, batch: Shape
) -> dict[tuple[Path, Path], np.ndarray]:
    if not schedule.feedback_edges:
        return {}
    runners = [NativeRunner(dynamics_of(n), parameters[n.path]) for n in schedule.nodes]
    with np.errstate(all="ignore"):
        tree = Executor(schedule, ops, runners).init_state(batch)
    edges = [(node, schedule.nodes[s]) for node in schedule.nodes for s in node.late_sources]
    return {(a.path, b.path): reduce(getitem, a.path, tree)[FEEDBACK][b.name] for a, b in edges}
