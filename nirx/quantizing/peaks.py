"""How large values become: measured on given input, or estimated from the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.graphs.schedule import Schedule
from nirx.quantizing.gains import Gains
from nirx.quantizing.weights import is_convolution, largest_bias, weight_of
from nirx.quantizing.wires import WEIGHTED

__all__ = ["Peaks", "estimate_peaks", "measure_peaks"]

HEADROOM = 1.25
"""Of a measured state, for other input."""
ABOVE_THRESHOLD = 4.0
"""Room for membrane potentials, in thresholds, where nothing was measured; 2 where it was."""


@dataclass(frozen=True)
class Peaks:
    """The largest magnitude for which a state needs room, in the float graph's unit.

    Arguments:
        synapse, membrane: by position, for neurons.
        measured: whether it comes from a run.
    """

    synapse: dict[int, float]
    membrane: dict[int, float]
    measured: bool


def measure_peaks(schedule: Schedule, gains: dict[int, Gains], run: Any, inputs: Any) -> Peaks:
    """The peaks of a run of the float graph.

    Arguments:
        run: the prepared network.
        inputs: [time, *batch, *features], or a dict by Input.
    """
    places = {p: schedule.nodes[p] for p in gains}
    keys = [f"{place.name}.v" for place in places.values()]
    keys += [f"{places[p].name}.i" for p, own in gains.items() if own.decay_syn is not None]
    recorded = {str(key): found for key, found in run(inputs, None, keys)[2].items()}

    def largest(key: str) -> float:
        return HEADROOM * float(np.abs(recorded[key]).max(initial=0.0)) if key in recorded else 0.0

    synapse = {p: largest(f"{place.name}.i") for p, place in places.items()}
    membrane = {p: largest(f"{place.name}.v") for p, place in places.items()}
    for p, own in gains.items():
        membrane[p] = max(membrane[p], ABOVE_THRESHOLD / 2 * _threshold(own))
    return Peaks(synapse, membrane, True)


def estimate_peaks(schedule: Schedule, nodes: list[Any], gains: dict[int, Gains]) -> Peaks:
    """Peaks for inputs and spikes of 0 and 1: of synapses, where all inputs of one sign come at
    once; of neurons that spike, some thresholds; of others, where that input stays."""
    reach = [1.0] * len(nodes)  # of outputs; a late source counts as spikes at first
    for position, (place, node) in enumerate(zip(schedule.nodes, nodes, strict=True)):
        total = sum(reach[source.position] for source in place.sources)
        if position in gains:
            own = gains[position]
            reach[position] = 1.0 if own.threshold is not None else _steady(own, total)
        elif place.type_name in WEIGHTED:
            reach[position] = total * _sum_of_one_sign(node)
        elif place.type_name == "SumPool2d":
            reach[position] = total * float(np.prod(np.broadcast_to(node.kernel_size, (2,))))
        elif place.sources and not place.spiking:
            reach[position] = total
    synapse, membrane = {}, {}
    for position, own in gains.items():
        total = sum(reach[source.position] for source in schedule.nodes[position].sources)
        synapse[position] = total * float(np.abs(own.jump).max(initial=0.0))
        if own.threshold is None:
            membrane[position] = _steady(own, total)
            continue
        membrane[position] = ABOVE_THRESHOLD * _threshold(own)
        dynamics = schedule.nodes[position].dynamics
        if dynamics is not None and dynamics.rule.reset == "subtract":  # what is above is kept
            step = float(np.abs(own.gain * own.jump).max(initial=0.0)) * total
            membrane[position] = max(membrane[position], step)
    return Peaks(synapse, membrane, False)


def _threshold(own: Gains) -> float:
    if own.threshold is None or own.reset is None:
        return 0.0
    return float(max(np.abs(own.threshold).max(initial=0.0), np.abs(own.reset).max(initial=0.0)))


def _steady(own: Gains, total: float) -> float:
    """Where a membrane settles for a constant input; I does not, and gets the sum of a step."""
    decay = np.ones(()) if own.decay is None else np.maximum(own.decay, 1e-9)
    jump = own.jump if own.decay_syn is None else own.jump / np.maximum(own.decay_syn, 1e-9)
    found = (np.abs(own.gain * jump) * total + np.abs(own.constant)) / decay
    return float(found.max(initial=0.0))


def _sum_of_one_sign(node: Any) -> float:
    """The largest output for inputs of 0 and 1."""
    weight = weight_of(node)
    if is_convolution(node):
        weight = weight.reshape(len(weight), -1)
    if weight.ndim < 2 or not hasattr(node, "weight"):
        return float(np.abs(weight).max(initial=0.0))
    positive = np.maximum(weight, 0.0).sum(axis=-1)
    negative = np.maximum(-weight, 0.0).sum(axis=-1)
    most = max(positive.max(initial=0.0), negative.max(initial=0.0))
    return float(most) + largest_bias(node)
