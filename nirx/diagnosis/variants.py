"""Variants: one schedule per setting of the choices of a whole graph, dt and feedback."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.diagnosis.candidates import GLOBAL, Limits, dynamics_of
from nirx.dynamics.discretization import CHOICES, Discretization
from nirx.dynamics.ops import Shape
from nirx.errors import NirxWarning, UnsupportedError
from nirx.execution.assemble import assemble, native_arrays
from nirx.execution.execute import Executor
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.runners import NativeRunner
from nirx.graphs.schedule import Schedule
from nirx.graphs.state import unnest

__all__ = ["Variant", "make_variants"]


@dataclass(frozen=True, eq=False)
class Variant:
    """One setting of the choices of a whole graph.

    Arguments:
        discretization: the start with these choices.
        choices: those of dt and the feedback choices that are searched.
        covers: the same for all settings with the same behaviour, its own first.
        changes: how many choices differ from those asked for.
        parameters: per node its arrays, in the run's dtype.
        before: (target, source) -> what that feedback edge carries in the first step.
    """

    discretization: Discretization
    choices: Mapping[str, Any]
    covers: tuple[Mapping[str, Any], ...]
    changes: int
    schedule: Schedule
    parameters: Mapping[Path, Mapping[str, np.ndarray]]
    before: Mapping[tuple[Path, Path], np.ndarray]


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

    found: dict[Any, list[Variant]] = {}
    for own in sorted(every, key=changes):
        variant = _variant(graph, replace(start, **own), own, changes(own), ops, batch)
        found.setdefault((own["dt"], *_behaviour(variant)), []).append(variant)
    kept = list(found.values())
    searched = [name for name in asked if len({v[0].choices[name] for v in kept}) > 1]
    return [_merged(several, searched) for several in kept]


def _merged(several: Sequence[Variant], searched: Sequence[str]) -> Variant:
    """The first of some variants with the same behaviour, standing for all of them."""
    covers: list[dict[str, Any]] = []
    for variant in several:
        own = {name: variant.choices[name] for name in searched}
        if own not in covers:
            covers.append(own)
    return replace(several[0], choices=covers[0], covers=tuple(covers))


def _variant(
    graph: nir.NIRGraph,
    discretization: Discretization,
    choices: Mapping[str, Any],
    changes: int,
    ops: NumpyOps,
    batch: Shape,
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
    return Variant(discretization, choices, (choices,), changes, schedule, parameters, before)


def _before(
    schedule: Schedule, parameters: Mapping[Path, Any], ops: NumpyOps, batch: Shape
) -> dict[tuple[Path, Path], np.ndarray]:
    """What each feedback edge carries in the first step, by (target, source)."""
    if not schedule.feedback_edges:
        return {}
    runners = [NativeRunner(dynamics_of(n), parameters[n.path]) for n in schedule.nodes]
    with np.errstate(all="ignore"):
        tree = Executor(schedule, ops, runners).init_state(batch)
    states = unnest(schedule, tree, frozenset())
    return {
        (node.path, schedule.nodes[s].path): late[schedule.nodes[s].name]
        for node, (_, late) in zip(schedule.nodes, states, strict=True)
        for s in node.late_sources
    }


def _behaviour(variant: Variant) -> tuple[Any, ...]:
    """Equal for variants with the same behaviour: late edges, and what these carry first."""
    edges = variant.schedule.feedback_edges
    return edges, tuple(variant.before[k].tobytes() for k in sorted(variant.before))
