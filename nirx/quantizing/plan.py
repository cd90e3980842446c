"""Everything that is chosen before a graph is written in integer units."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import format_path
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.integers.types import in_integers
from nirx.dynamics.parameters import NodeMismatch
from nirx.errors import GraphError, InputError, NirxWarning, did_you_mean
from nirx.execution.assemble import native_arrays
from nirx.execution.numpy_backend import BACKEND
from nirx.execution.whole_numbers import require_whole
from nirx.graphs.schedule import Schedule, build_schedule
from nirx.quantizing.gains import Gains, gains_of
from nirx.quantizing.peaks import estimate_peaks, measure_peaks
from nirx.quantizing.units import Scale, Units, choose_units
from nirx.quantizing.wires import WEIGHTED

__all__ = ["SCALES", "Plan", "make_plan", "whole_inputs"]

SCALES = ("layer", "channel", "power-of-two")


@dataclass(frozen=True)
class Plan:
    """A float graph and the units of its values.

    Arguments:
        schedule, nodes, gains: of the float graph.
        target: the discretization of the integer graph.
        units: None for a graph that already holds whole numbers.
    """

    schedule: Schedule
    nodes: list[Any]
    gains: dict[int, Gains]
    target: Discretization
    units: Units | None


def make_plan(
    graph: nir.NIRGraph,
    floats: Discretization,
    target: Discretization,
    scale: str | Mapping[str, float],
    inputs: Any,
) -> Plan:
    """Schedule a graph, look at its neurons and choose units.

    Arguments:
        inputs: None, or as `whole_inputs` returns them.

    **Raises**: `GraphError`, `InputError`.
    """
    schedule, nodes = build_schedule(graph, floats)
    chosen = _scale(scale, schedule)
    whole = None if isinstance(scale, Mapping) else _whole(graph, target)
    if whole is not None:
        return Plan(whole, nodes, {}, target, None)
    _require_integers(schedule)
    gains = {
        position: gains_of(place, node, floats.at(place.path))
        for position, (place, node) in enumerate(zip(schedule.nodes, nodes, strict=True))
        if place.neuron
    }
    if inputs is None:
        peaks = estimate_peaks(schedule, nodes, gains)
    else:
        peaks = measure_peaks(schedule, gains, BACKEND.prepare(graph, floats, "float64"), inputs)
    return Plan(
        schedule, nodes, gains, target, choose_units(schedule, nodes, target, gains, peaks, chosen)
    )


def whole_inputs(inputs: Any) -> Any:
    """The inputs as whole numbers in float64, in which both graphs run.

    **Raises**: `InputError` for inputs that a graph in integers cannot take.
    """
    if isinstance(inputs, Mapping):
        return {name: whole_inputs(array) for name, array in inputs.items()}
    try:
        values = np.asarray(inputs, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"inputs are a {type(inputs).__name__}; expected an array") from error
    bad = values[values != np.rint(values)]
    if bad.size:
        raise InputError(
            f"the input holds {float(bad[0])!r}; integers need whole numbers: multiply the input, "
            "and divide the first layer's weights by the same number"
        )
    return values


def _whole(graph: nir.NIRGraph, target: Discretization) -> Schedule | None:
    """The schedule of a graph that already holds whole numbers in range."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)  # scheduling the float graph has warned
        try:
            schedule, nodes = build_schedule(graph, target)
            arrays = [
                native_arrays(type(place.dynamics), node) if place.dynamics else {}
                for place, node in zip(schedule.nodes, nodes, strict=True)
            ]
            require_whole(schedule, arrays)
        except GraphError:
            return None
    return schedule


def _require_integers(schedule: Schedule) -> None:
    faults = []
    for place in schedule.nodes:
        try:
            if place.dynamics is not None:
                in_integers(type(place.dynamics))
        except NodeMismatch as mismatch:
            faults.append(mismatch.fault(place.name))
    if faults:
        raise GraphError(faults)


def _scale(scale: Any, schedule: Schedule) -> Scale:
    """The scales by position instead of path."""
    if not isinstance(scale, Mapping):
        if scale not in SCALES:
            listed = ", ".join(map(repr, SCALES))
            raise InputError(f"scale={scale!r}; expected {listed} or {{path: number}}")
        return scale
    known = {p.name: i for i, p in enumerate(schedule.nodes) if p.type_name in WEIGHTED}
    found = {}
    for path, value in scale.items():
        text = path if isinstance(path, str) else format_path(tuple(path))
        if text not in known:
            hint = did_you_mean(text, known)
            raise InputError(f"scale names {text!r}, which is no layer with weights; {hint}")
        good = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not good or not 0 < float(value) < np.inf:
            raise InputError(f"scale of {text!r} is {value!r}; expected a positive number")
        found[known[text]] = float(value)
    return found
