"""A graph of fractions in the units of a recording: each neuron's parameters times a scale.

From one recorded v to the next, the change tells the scale: v' = decay(v) + S*(g*x + l) with the
graph's own g and l. Its exact value makes the gain a whole number; a few of these are tried.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.diagnosis.candidates import dynamics_of
from nirx.diagnosis.groups import cut_group, find_groups, known_values
from nirx.diagnosis.observed import Trace
from nirx.diagnosis.problem import Problem
from nirx.dynamics.cuba import CurrentBasedIntegrator
from nirx.dynamics.neuron import Neuron
from nirx.graphs.schedule import ScheduledNode

__all__ = ["in_units", "scales_of"]

NEAR = 0.01
"""How far the measured scale may be off."""
FEWEST, MOST = 2, 12
"""Whole gains that are tried on either side of the measured one."""


def scales_of(problem: Problem) -> Iterator[dict[Path, float]]:
    """Possible scales of all recorded neurons, the most likely first; none where v is missing.

    Arguments:
        problem: of the graph as it is, in floating point.
    """
    variant = problem.variants[0]
    known = known_values(problem, variant)
    each: dict[Path, list[float]] = {}
    for group in find_groups(variant.schedule, known, problem.traces):
        cut, place = cut_group(variant, group, known, problem.ops), None
        v = [t for t in problem.traces[group.target] if t.variable == "v"]
        if cut.alone and v and isinstance(dynamics_of(cut.members[0]), Neuron):
            place = cut.members[0]
        if place is None or isinstance(place.dynamics, CurrentBasedIntegrator):
            return
        parameters = variant.parameters[group.target]
        each[group.target] = _scales(problem, place, parameters, cut.feeds[0], v[0])
    count = min(map(len, each.values()), default=0)
    for number in range(count):
        yield {path: own[number] for path, own in each.items()}


def _scales(
    problem: Problem, place: ScheduledNode, parameters: Any, feed: np.ndarray, trace: Trace
) -> list[float]:
    dynamics, ops = dynamics_of(place), problem.ops
    assert isinstance(dynamics, Neuron), "only neurons have a scale"
    measured, spread = 0.0, np.inf
    for shift in range(problem.max_shift + 1):
        before, after = trace.values[shift:-1], trace.values[shift + 1 :]
        x = feed[1 : len(feed) - shift]
        with np.errstate(all="ignore"):
            c = dynamics.coefficients(ops, parameters)
            still = dynamics.integrate(ops, c, 0 * before, 0 * x)
            kept = dynamics.integrate(ops, c, before, 0 * x) - still
            own = dynamics.integrate(ops, c, 0 * before, x)
        telling = np.abs(own) > 0.1 * np.abs(own).max(initial=0.0)
        ratios = (after - kept)[telling] / own[telling]
        if not ratios.size:
            continue
        low, middle, high = np.percentile(ratios, [25, 50, 75])
        if middle > 0 and (high - low) / middle < spread:
            measured, spread = float(middle), (high - low) / middle
    if not measured:
        return []
    with np.errstate(all="ignore"):
        c = dynamics.coefficients(ops, parameters)
        zero = np.zeros(place.input_shape, ops.dtype)
        gain = dynamics.integrate(ops, c, zero, zero + 1) - dynamics.integrate(ops, c, zero, zero)
    largest = float(np.abs(gain).max())
    whole = round(measured * largest)
    reach = min(MOST, max(FEWEST, round(NEAR * whole)))
    near = sorted(range(max(1, whole - reach), whole + reach + 1), key=lambda n: abs(n - whole))
    return [number / largest for number in near]


def in_units(problem: Problem, scales: Mapping[Path, float]) -> nir.NIRGraph:
    """The graph with the gain, the leak, threshold and reset of some neurons in whole units."""
    graph, variant = problem.graph, problem.variants[0]
    for path, scale in scales.items():
        place = variant.schedule.nodes[variant.schedule.positions[path]]
        graph = _replaced(graph, path, _scaled(problem, place, variant.parameters[path], scale))
    return graph


def _scaled(
    problem: Problem, place: ScheduledNode, parameters: Mapping[str, np.ndarray], scale: float
) -> dict[str, np.ndarray]:
    """The parameters that make whole numbers, by name."""
    dynamics, ops = dynamics_of(place), problem.ops
    assert isinstance(dynamics, Neuron), "only neurons have a scale"
    c = dynamics.coefficients(ops, parameters)
    zero = np.zeros(place.output_shape, ops.dtype)
    leak = dynamics.integrate(ops, c, zero, zero)
    gain = dynamics.integrate(ops, c, zero, zero + 1) - leak
    found = {"r": _whole(scale * gain, scale * parameters["r"])}
    if "v_leak" in parameters:
        found["v_leak"] = _whole(scale * leak, scale * parameters["v_leak"])
    for name in ("v_threshold", "v_reset"):
        if name in parameters:
            found[name] = np.rint(scale * parameters[name])
    return found


def _whole(number: np.ndarray, parameter: np.ndarray) -> np.ndarray:
    """A parameter, changed so that a number in proportion to it is whole."""
    with np.errstate(all="ignore"):
        return np.where(number == 0, parameter, parameter * (np.rint(number) / number))


def _replaced(node: Any, path: Sequence[str], values: Mapping[str, np.ndarray]) -> Any:
    node = copy.copy(node)
    if path:
        below = _replaced(node.nodes[path[0]], path[1:], values)
        node.nodes = {**node.nodes, path[0]: below}
        return node
    for name, value in values.items():
        setattr(node, name, np.broadcast_to(value, np.shape(getattr(node, name))).copy())
    return node
