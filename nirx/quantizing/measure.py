"""The report of a quantization, from the graph that came out and perhaps a run of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nirx.basics.paths import Path
from nirx.dynamics.arithmetic import Arithmetic
from nirx.graphs.schedule import Schedule
from nirx.quantizing.decays import decay_error
from nirx.quantizing.gains import fraction
from nirx.quantizing.notes import notes_on
from nirx.quantizing.plan import Plan
from nirx.quantizing.quantization import NodeReport
from nirx.quantizing.weights import bias_and_unit, scales_of, weight_name, weight_of
from nirx.quantizing.wires import WEIGHTED

__all__ = ["overflows_of", "report_of"]


def report_of(
    plan: Plan, schedule: Schedule, nodes: list[Any], run: tuple[Any, Any, Any] | None
) -> tuple[NodeReport, ...]:
    """A report for every node with weights and every neuron.

    Arguments:
        plan: of the float graph.
        schedule, nodes: of the integer graph.
        run: outputs, state and recordings of v, of the integer graph.
    """
    before = {place.path: p for p, place in enumerate(plan.schedule.nodes)}
    found = []
    for place, node in zip(schedule.nodes, nodes, strict=True):
        arithmetic = plan.target.at(place.path).arithmetic
        assert arithmetic is not None, "a target has one"
        position = before[place.path]
        values: dict[str, Any] = {}
        if place.type_name in WEIGHTED:
            values = _of_weights(plan, position, node, arithmetic)
        elif place.neuron:
            values = _of_neuron(plan, place.path, node, arithmetic)
            if run is not None:
                recorded = {str(key): v for key, v in run[2].items()}[f"{place.name}.v"]
                values["largest_v"] = int(np.abs(recorded).max(initial=0))
                values |= overflows_of(run[1], place.path)
        else:
            continue
        own = NodeReport(place.name, place.type_name, **values)
        notes = notes_on(own, arithmetic, taken=plan.units is None)
        found.append(NodeReport(place.name, place.type_name, **values, notes=notes))
    return tuple(found)


def overflows_of(state: Any, path: Path) -> dict[str, int]:
    """How often v, and i, of a node have left their bits: the sums of the states' counts."""
    for name in path:
        state = state.get(name, {}) if isinstance(state, Mapping) else {}
    names = ("v_overflows", "i_overflows")
    return {name: int(np.sum(state[name])) for name in names if name in state}


def _of_weights(plan: Plan, position: int, node: Any, arithmetic: Arithmetic) -> dict[str, Any]:
    whole = weight_of(node)
    size = float(np.abs(whole).max(initial=0.0))
    low = float(whole.min(initial=0.0))
    bits = 1 + int(np.ceil(np.log2(max(float(whole.max(initial=0.0)) + 1, -low, 1))))
    values: dict[str, Any] = {"weights": whole.size, "weight_bits": bits, "saturated": 0}
    if plan.units is None or not size:
        return {**values, "rounding": 0.0, "rounding_percent": 0.0, "zeros": 0}
    place, given = plan.schedule.nodes[position], plan.nodes[position]
    scales = scales_of(place, given, plan.units.entering[position], plan.units.leaving[position])
    if weight_name(node) == "weight":
        scales = scales * 2.0**-arithmetic.weight_shift
        outside = np.rint(weight_of(given) * scales)
        smallest, largest = arithmetic.weight_range
        values["saturated"] = int(((outside < smallest) | (outside > largest)).sum())
    error = float(np.abs(whole / scales - weight_of(given)).max(initial=0.0))
    biased = bias_and_unit(place, given, plan.units.leaving[position])
    if biased is not None:
        bias, unit = biased
        got = np.asarray(node.bias, np.float64) * 2.0**arithmetic.bias_shift
        error = max(error, float(np.abs(got / unit - bias).max(initial=0.0)))
    most = float(np.abs(weight_of(given)).max(initial=0.0))
    return {
        **values,
        "weight_scale": float(np.max(scales)),
        "rounding": error,
        "rounding_percent": 100.0 * error / most if most else 0.0,
        "zeros": int(((whole == 0) & (weight_of(given) != 0)).sum()),
    }


def _of_neuron(plan: Plan, path: Path, node: Any, arithmetic: Arithmetic) -> dict[str, Any]:
    rule = plan.target.at(path)
    values: dict[str, Any] = {}
    lost, errors = [], []
    for name, bits in (
        ("tau", arithmetic.membrane_bits),
        ("tau_mem", arithmetic.membrane_bits),
        ("tau_syn", arithmetic.synapse_bits),
    ):
        if not hasattr(node, name):
            continue
        decay = fraction(rule, np.asarray(getattr(node, name), np.float64))
        errors.append(100.0 * decay_error(arithmetic, decay, bits))
        gone = _gone(arithmetic, decay, bits)
        if gone.any():
            steps = float(np.asarray(getattr(node, name))[gone].flat[0]) / rule.dt
            count = f" ({int(gone.sum()):,} neurons)" if gone.size > 1 else ""
            lost.append(f"{name} of {steps:.6g} steps{count}")
    if errors:
        values["decay_percent"] = max(errors)
    if hasattr(node, "v_threshold") and np.size(node.v_threshold):
        units = np.asarray(node.v_threshold, np.float64) * 2.0**arithmetic.threshold_shift
        values["threshold"] = (int(np.rint(units.min())), int(np.rint(units.max())))
    return {**values, "lost": tuple(lost)}


def _gone(arithmetic: Arithmetic, decay: np.ndarray, bits: int) -> np.ndarray:
    """Where a decay has no number: it rounds to no decay, or needs a shift of more than all
    bits."""
    if arithmetic.decay == "multiply":
        d = decay * 2.0**arithmetic.decay_bits
        nearest = arithmetic.decay_value == "nearest"
        return (d > 0) & ((np.rint(d) if nearest else np.floor(d + 2.0**-20)) == 0)
    with np.errstate(divide="ignore"):
        return -np.log2(decay) > bits + 0.5
