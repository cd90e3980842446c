"""The units of a neuron's states, and the powers of two that are left of its gains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx.errors import Fault, GraphError
from nirx.graphs.schedule import ScheduledNode
from nirx.quantizing.gains import Gains, after_decay

__all__ = ["NeuronUnits", "largest_input_unit", "units_of_neuron"]

FINE = 256.0
"""Rounding moves a state by up to 1/a units until it balances the decay a: with this many units in
a times its scale, by less than half a percent."""


@dataclass(frozen=True)
class NeuronUnits:
    """Units of the shape of the neurons.

    Arguments:
        synapse, membrane: of i and v; that of i is the input's without a synapse.
        jump, gain: the whole gains that are left: 0, or plus or minus a power of two.
    """

    synapse: np.ndarray
    membrane: np.ndarray
    jump: np.ndarray
    gain: np.ndarray


def largest_input_unit(own: Gains, rule: Discretization, peak_i: float, peak_v: float) -> float:
    """The largest unit of the input with which i and v fit into their bits."""
    arithmetic = rule.arithmetic
    assert arithmetic is not None, "a target has one"
    left = np.ones(()) if own.decay_syn is None else after_decay(rule, own.decay_syn)
    of_synapse = _inverse(np.abs(own.jump)) * left  # its unit for one of the input
    of_membrane = of_synapse * _inverse(np.abs(own.gain))
    room = _room(float(arithmetic.range_of("membrane")[1]), peak_v, of_membrane)
    if own.decay_syn is not None:
        room = min(room, _room(float(arithmetic.range_of("synapse")[1]), peak_i, of_synapse))
    return room


def units_of_neuron(
    place: ScheduledNode,
    own: Gains,
    rule: Discretization,
    unit: np.ndarray,
    peak_i: float,
    peak_v: float,
    *,
    weighted: bool,
) -> NeuronUnits:
    """The units for an input of a given unit.

    Arguments:
        peak_i, peak_v: the magnitudes for which there has to be room.
        weighted: whether weights of all their bits come in.

    **Raises**: `GraphError` where a threshold does not fit, or where nothing of i is left.
    """
    arithmetic = rule.arithmetic
    assert arithmetic is not None, "a target has one"
    unit = np.broadcast_to(unit, place.output_shape)
    most_v = float(arithmetic.range_of("membrane")[1])
    up = jump = 1.0
    synapse, left = unit, np.ones(place.output_shape)
    membrane = _unit(unit, own.gain)
    if own.decay_syn is not None:
        left = after_decay(rule, own.decay_syn)
        if ((left == 0) & (own.jump != 0)).any():
            raise GraphError(
                [
                    Fault(
                        place.name,
                        'with synapse_input="jump-then-decay" a current that lasts no longer than '
                        "a step is gone before it is used",
                        "a longer tau_syn",
                        'use synapse_input="jump"',
                    )
                ]
            )
        synapse = _unit(unit * np.where(left == 0, 1.0, left), own.jump)
        membrane = _unit(synapse, own.gain)
        full = unit
        if weighted:
            high = float(arithmetic.weight_range[1]) * 2.0**arithmetic.weight_shift
            full = np.maximum(unit, high)
        room = _room(float(arithmetic.range_of("synapse")[1]), peak_i, synapse)
        room = min(room, _room(most_v, peak_v, membrane))
        jump = _power(float(_wanted(own.decay_syn, full)), room)
        synapse, membrane = synapse * jump, membrane * jump
    if own.decay is not None:
        scale: Any = peak_v
        if own.threshold is not None and (own.threshold > 0).any():
            scale = np.where(own.threshold > 0, own.threshold, np.inf)
        wanted = float(_wanted(own.decay, membrane * scale))
        up = _power(wanted, _room(most_v, peak_v, membrane))
        membrane = membrane * up
    found = NeuronUnits(synapse, membrane, np.sign(own.jump) * jump, np.sign(own.gain) * up)
    _require_threshold(place, own, rule, found)
    return found


def _require_threshold(
    place: ScheduledNode, own: Gains, rule: Discretization, units: NeuronUnits
) -> None:
    if own.threshold is None or not own.threshold.size or rule.arithmetic is None:
        return
    shift = rule.arithmetic.threshold_shift
    low, high = rule.arithmetic.range_of("membrane")
    lowest = 1 if rule.spikes == "multi" else 0
    most = high >> shift
    whole = np.rint(own.threshold * units.membrane / 2.0**shift)
    outside = whole[(whole < lowest) | (whole > most)]
    if not outside.size:
        return
    of = f" of 2**{shift}" if shift else ""
    raise GraphError(
        [
            Fault(
                place.name,
                f"its threshold is {outside[0]:.6g} units{of}",
                f"{lowest} to {most}: the membrane's {rule.arithmetic.membrane_bits} bits are "
                f"{low} to {high}",
                "give the arithmetic more membrane_bits or fewer weight_bits, or the layer another "
                "scale",
            )
        ]
    )


def _inverse(x: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.where(x > 0, 1.0 / np.where(x > 0, x, 1.0), 0.0)


def _unit(before: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """The unit after a gain; of neurons whose gain is 0, the largest of the others'."""
    size = np.abs(gain)
    found = before * _inverse(size)
    other = float(found.max(initial=0.0)) or float(before.max(initial=1.0))
    return np.where(size > 0, found, other)


def _room(most: float, peak: float, unit: np.ndarray) -> float:
    """How many times larger a unit may become."""
    largest = peak * float(unit.max(initial=0.0))
    return most / largest if largest else np.inf


def _wanted(decay: np.ndarray, full: np.ndarray) -> float:
    """How many times larger a unit should be for decays to be fine."""
    real = (decay > 0) & (decay < 1)
    if not real.any():
        return 1.0
    size = np.broadcast_to(np.asarray(full) * decay, decay.shape)[real]
    return FINE / float(size.min()) if size.min() > 0 else 1.0


def _power(wanted: float, room: float) -> float:
    """The smallest power of two from a number on, as far as there is room; at least 1."""
    k = max(0, int(np.ceil(np.log2(max(wanted, 1.0)))))
    while k and 2.0**k > room:
        k -= 1
    return 2.0**k
