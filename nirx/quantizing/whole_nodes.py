"""The nodes of the integer graph, from those of the float graph and the units."""

from __future__ import annotations

import copy
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path
from nirx.dynamics.discretization import Discretization
from nirx.errors import Fault, GraphError
from nirx.graphs.schedule import Schedule, ScheduledNode
from nirx.quantizing.gains import Gains, fraction, time_constant
from nirx.quantizing.units import Units
from nirx.quantizing.weights import bias_and_unit, scales_of, weight_name, weight_of
from nirx.quantizing.wires import WEIGHTED

__all__ = ["whole_nodes"]


def whole_nodes(
    schedule: Schedule,
    nodes: list[Any],
    target: Discretization,
    gains: dict[int, Gains],
    units: Units,
    *,
    rounded: bool = True,
) -> dict[Path, Any]:
    """New nodes by path, in the arithmetic's own units: mantissas where it shifts.

    Arguments:
        schedule, nodes: of the float graph; not changed.
        rounded: whether numbers are made whole; without, the graph is the float one in other
            units.
    """
    found = {}
    for position, (place, node) in enumerate(zip(schedule.nodes, nodes, strict=True)):
        rule = target.at(place.path)
        if position in gains:
            new = _neuron(place, node, rule, schedule.discretization, gains, units, position)
            if rounded:
                _round_neuron(new, rule)
        elif place.type_name in WEIGHTED:
            new = _weighted(place, node, rule, units, position, rounded)
        elif isinstance(node, nir.AvgPool2d):
            new = nir.SumPool2d(
                *(np.array(getattr(node, n)) for n in ("kernel_size", "stride", "padding"))
            )
            new.metadata = copy.deepcopy(node.metadata)
        elif isinstance(node, nir.Delay):
            new = copy.deepcopy(node)
            steps = np.asarray(node.delay, np.float64) / schedule.discretization.dt
            new.delay = steps * target.dt
        elif isinstance(node, nir.Threshold):
            new = copy.deepcopy(node)
            value = np.asarray(node.threshold, np.float64) * units.entering[position]
            new.threshold = np.rint(value) if rounded else value
        else:
            continue
        found[place.path] = new
    return found


def _weighted(
    place: ScheduledNode,
    node: Any,
    rule: Discretization,
    units: Units,
    position: int,
    rounded: bool,
) -> Any:
    arithmetic = rule.arithmetic
    assert arithmetic is not None, "a target has one"
    new, name = copy.deepcopy(node), weight_name(node)
    scaling = isinstance(node, nir.Scale)
    out = units.leaving[position]
    weight = weight_of(node) * scales_of(place, node, units.entering[position], out)
    biased = bias_and_unit(place, node, out)
    if not scaling:
        weight = weight * 2.0**-arithmetic.weight_shift
    if rounded:
        weight = np.rint(weight)
        if not scaling:
            weight = np.clip(weight, *arithmetic.weight_range)
    setattr(new, name, weight)
    if biased is not None:
        bias, unit = biased
        bias = bias * unit * 2.0**-arithmetic.bias_shift
        new.bias = np.rint(bias) if rounded else bias
    return new


def _neuron(
    place: ScheduledNode,
    node: Any,
    rule: Discretization,
    floats: Discretization,
    gains: dict[int, Gains],
    units: Units,
    position: int,
) -> Any:
    """The neuron in units, its numbers not yet whole."""
    own, unit, arithmetic = gains[position], units.neurons[position], rule.arithmetic
    assert arithmetic is not None, "a target has one"
    new, shape = copy.deepcopy(node), place.output_shape
    before = floats.at(place.path)
    if own.decay is None:
        new.r = unit.gain / rule.dt
    else:
        name = "tau" if hasattr(node, "tau") else "tau_mem"
        tau = _tau(place, node, name, own.decay, before, rule)
        setattr(new, name, tau)
        new.r = unit.gain / fraction(rule, tau, of_input=True)
        new.v_leak = own.constant * unit.membrane / fraction(rule, tau)
        _require_start(place, new, rule)
    if own.decay_syn is not None:
        tau = _tau(place, node, "tau_syn", own.decay_syn, before, rule)
        new.tau_syn = tau
        scaled = rule.synapse_input == "scaled"
        new.w_in = unit.jump / (fraction(rule, tau, of_input=True) if scaled else 1.0)
    if own.threshold is not None and own.reset is not None:
        mantissa = unit.membrane * 2.0**-arithmetic.threshold_shift
        new.v_threshold, new.v_reset = own.threshold * mantissa, own.reset * mantissa
    for name in ("r", "w_in", "v_leak", "v_threshold", "v_reset"):
        if hasattr(new, name):
            value = np.asarray(getattr(new, name), np.float64)
            setattr(new, name, np.broadcast_to(value, shape).copy())
    return new


def _tau(
    place: ScheduledNode,
    node: Any,
    name: str,
    decay: np.ndarray,
    before: Discretization,
    rule: Discretization,
) -> np.ndarray:
    """The time constant with which a state decays as in the float graph."""
    if before.integrator == rule.integrator:
        steps = np.asarray(getattr(node, name), np.float64) / before.dt
        return np.broadcast_to(steps * rule.dt, place.output_shape).copy()
    return time_constant(place.path, decay, rule)


def _require_start(place: ScheduledNode, new: Any, rule: Discretization) -> None:
    if rule.initial_v == "leak" and np.asarray(new.v_leak).any():
        raise GraphError(
            [
                Fault(
                    place.name,
                    'it starts at its v_leak (initial_v="leak"), which is no whole number',
                    'initial_v="zero", or v_leak = 0',
                )
            ]
        )


def _round_neuron(new: Any, rule: Discretization) -> None:
    """Make the threshold, the reset and the constant of a leak whole."""
    assert rule.arithmetic is not None, "a target has one"
    for name in ("v_threshold", "v_reset"):
        if hasattr(new, name):
            setattr(new, name, np.rint(getattr(new, name)))
    if hasattr(new, "v_leak"):
        name = "tau" if hasattr(new, "tau") else "tau_mem"
        decay = fraction(rule, getattr(new, name))
        unit = 2.0**rule.arithmetic.bias_shift
        new.v_leak = np.rint(new.v_leak * decay / unit) * unit / decay
