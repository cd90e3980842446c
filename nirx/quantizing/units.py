"""What one unit of every value is: of inputs, of outputs, of currents and membranes.

A value of the integer graph is that of the float graph times its unit. Neurons need no products of
their own: their gains are taken into their units, so they are in the thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np

from nirx.dynamics.arithmetic import Arithmetic
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.integers.whole import LARGEST
from nirx.errors import GraphError
from nirx.graphs.schedule import Schedule
from nirx.quantizing.gains import Gains, after_decay
from nirx.quantizing.neuron_units import NeuronUnits, largest_input_unit, units_of_neuron
from nirx.quantizing.peaks import Peaks
from nirx.quantizing.refusals import (
    feedback_of_values,
    scale_of_unlike_inputs,
    unlike_outputs,
    unlike_scales,
    unlike_units,
    weights_out_of_range,
)
from nirx.quantizing.weights import (
    is_convolution,
    largest_bias,
    largest_units,
    one_if_alike,
    scales_of,
    weight_of,
)
from nirx.quantizing.wires import WEIGHTED, Group, group_wires

__all__ = ["Scale", "Units", "choose_units"]

Scale = str | Mapping[int, float]
"""`"layer"`, `"channel"`, `"power-of-two"`, or what weights are multiplied with, by position."""


@dataclass
class Units:
    """Units by position, each an array that broadcasts to the value's shape.

    Arguments:
        entering, leaving: of the input and the output of every node.
        neurons: of currents and membranes, with the gains that are left.
    """

    entering: dict[int, np.ndarray]
    leaving: dict[int, np.ndarray]
    neurons: dict[int, NeuronUnits]


def choose_units(
    schedule: Schedule,
    nodes: list[Any],
    target: Discretization,
    gains: dict[int, Gains],
    peaks: Peaks,
    scale: Scale,
) -> Units:
    """The units of all values, group by group from the inputs on.

    **Raises**: `GraphError` where there are none.
    """
    return _Choice(schedule, nodes, target, gains, peaks, scale).made()


@dataclass
class _Choice:
    schedule: Schedule
    nodes: list[Any]
    target: Discretization
    gains: dict[int, Gains]
    peaks: Peaks
    scale: Scale
    units: Units = field(default_factory=lambda: Units({}, {}, {}))

    def made(self) -> Units:
        waiting = group_wires(self.schedule, self.nodes)
        while waiting:
            ready = [group for group in waiting if self._is_ready(group)]
            if not ready:
                stuck = sorted(
                    {p for g in waiting for p in g.leaving if p not in self.units.entering}
                )
                names = [self.schedule.nodes[p].name for p in stuck]
                raise GraphError([feedback_of_values(names)])
            for group in ready:
                self._settle(group)
            waiting = [group for group in waiting if group not in ready]
        return self.units

    def _arithmetic(self, position: int) -> Arithmetic:
        found = self.target.at(self.schedule.nodes[position].path).arithmetic
        assert found is not None, "a target has one"
        return found

    def _is_ready(self, group: Group) -> bool:
        """Whether the units are known from which the group's follows."""
        fixed = any(self._is_fixed(position) for position in group.leaving)
        return all(
            position in self.units.entering or (fixed and position in group.entering)
            for position in group.leaving
            if self._is_weighted(position) or self._puts_out_v(position)
        )

    def _is_fixed(self, position: int) -> bool:
        """Whether what a node puts out has a unit of its own: inputs and spikes."""
        place = self.schedule.nodes[position]
        return place.spiking or (place.type_name == "Input" and not place.sources)

    def _is_weighted(self, position: int) -> bool:
        return self.schedule.nodes[position].type_name in WEIGHTED

    def _puts_out_v(self, position: int) -> bool:
        return position in self.gains and not self.schedule.nodes[position].spiking

    def _settle(self, group: Group) -> None:
        fixed = self._fixed(group)
        unit = self._free(group) if fixed is None else fixed[1]
        for position, factor in group.leaving.items():
            self.units.leaving[position] = unit * factor
        for position, factor in group.entering.items():
            self.units.entering[position] = unit * factor
            if position in self.gains:
                place = self.schedule.nodes[position]
                sources = [s.position for s in place.sources]
                self.units.neurons[position] = units_of_neuron(
                    place,
                    self.gains[position],
                    self.target.at(place.path),
                    unit * factor,
                    self.peaks.synapse[position],
                    self.peaks.membrane[position],
                    weighted=any(self._is_weighted(s) for s in sources),
                )
        if fixed is not None:
            for position in sorted(filter(self._is_weighted, group.leaving)):
                self._require_weights(position, fixed[0])
            for position in sorted(filter(self._puts_out_v, group.leaving)):
                own = one_if_alike(self.units.neurons[position].membrane)
                own = own / group.leaving[position]
                self._require_one_unit(fixed[0], fixed[1], position, own)

    def _fixed(self, group: Group) -> tuple[int, np.ndarray] | None:
        """What is not weighted (inputs, spikes, membrane potentials), and its unit."""
        found: dict[int, np.ndarray] = {}
        for position, factor in sorted(group.leaving.items()):
            place = self.schedule.nodes[position]
            if place.spiking:
                found[position] = np.ones(()) / factor
            elif position in self.units.neurons:
                own = one_if_alike(self.units.neurons[position].membrane / factor)
                if own.ndim and not self._can_differ(group, [], None):
                    raise GraphError([unlike_outputs(place.name, own)])
                found[position] = own
            elif self._is_fixed(position):
                shift = self.target.arithmetic.input_shift if self.target.arithmetic else 0
                found[position] = np.array(2.0**shift / factor)
        if not found:
            return None
        (first, unit), *others = found.items()
        for position, own in others:
            self._require_one_unit(first, unit, position, own)
        return first, unit

    def _require_one_unit(self, a: int, unit_a: np.ndarray, b: int, unit_b: np.ndarray) -> None:
        """Refuse two nodes that put out values of unlike units into one sum."""
        if not np.allclose(unit_a, unit_b, rtol=1e-9, atol=0.0):
            names = [self.schedule.nodes[p].name for p in (a, b)]
            raise GraphError([unlike_units(names, unit_a, unit_b)])

    def _require_weights(self, position: int, by: int) -> None:
        """Refuse weights that a unit, which something else fixes, makes too large or 0."""
        place, node = self.schedule.nodes[position], self.nodes[position]
        arithmetic = self._arithmetic(position)
        scales = scales_of(place, node, self.units.entering[position], self.units.leaving[position])
        own = np.abs(weight_of(node) * scales) * 2.0**-arithmetic.weight_shift
        used, most = float(own.max(initial=0.0)), arithmetic.weight_range[1]
        if used == 0 or 0.5 <= used <= most + 0.5 or isinstance(node, nir.Scale):
            return
        other = self.schedule.nodes[by].name
        raise GraphError([weights_out_of_range(place.name, used, other, arithmetic)])

    def _free(self, group: Group) -> np.ndarray:
        """The unit that uses the bits of the weights, as far as the states' bits allow."""
        weighted = sorted(p for p in group.leaving if self._is_weighted(p))
        if isinstance(self.scale, Mapping):
            given = [p for p in weighted if p in self.scale]
            if given:
                return self._given(group, given)
        profile = self._profile(group, weighted)
        shaping = [p for p in weighted if not isinstance(self.nodes[p], nir.Scale)] or weighted
        room = None
        for position in shaping:
            own = self._room(position) / group.leaving[position] / profile
            room = own if room is None else np.minimum(room, own)
        assert room is not None, "what is not fixed comes from weights"
        finite = room[np.isfinite(room)]
        least = float(finite.min()) if finite.size else 1.0
        by_channel = self.scale == "channel" and self._may_differ(group, weighted)
        unit = np.where(np.isfinite(room), room, least) if by_channel else np.array(least)
        for position, factor in sorted(group.entering.items()):
            if position in self.gains:
                place = self.schedule.nodes[position]
                most = largest_input_unit(
                    self.gains[position],
                    self.target.at(place.path),
                    self.peaks.synapse[position],
                    self.peaks.membrane[position],
                )
                unit = np.minimum(unit, most / factor / float(np.max(profile)))
        if self.scale == "power-of-two":
            unit = 2.0 ** np.floor(np.log2(unit))
        return unit * profile

    def _room(self, position: int) -> np.ndarray:
        place, node, own = self.schedule.nodes[position], self.nodes[position], None
        if isinstance(node, nir.Scale):
            size = np.abs(np.asarray(node.scale, np.float64))
            if size.size and size.min() == size.max():
                own = (-1.0, 1.0)  # one factor for all becomes the unit itself
        if own is None:
            arithmetic = self._arithmetic(position)
            shift = 0 if isinstance(node, nir.Scale) else arithmetic.weight_shift
            own = tuple(n * 2.0**shift for n in arithmetic.weight_range)
        room = largest_units(place, node, self.units.entering[position], *own)
        bias = largest_bias(node)
        return np.minimum(room, LARGEST / bias) if bias else room

    def _given(self, group: Group, given: list[int]) -> np.ndarray:
        """The unit for weights with given scales."""
        assert isinstance(self.scale, Mapping), "the caller looked"
        found: list[float] = []
        for position in given:
            entering = self.units.entering[position]
            if entering.size > 1 and np.min(entering) != np.max(entering):
                raise GraphError([scale_of_unlike_inputs(self.schedule.nodes[position].name)])
            shift = self._arithmetic(position).weight_shift
            unit = self.scale[position] * float(np.max(entering)) * 2.0**shift
            found.append(unit / group.leaving[position])
        if not np.allclose(found, found[0], rtol=1e-9, atol=0.0):
            names = [self.schedule.nodes[p].name for p in given]
            raise GraphError([unlike_scales(names, found)])
        return np.array(found[0])

    def _profile(self, group: Group, weighted: list[int]) -> np.ndarray:
        """Relative units of a layer, where neurons that put out v have unlike gains: so that all
        their outputs have one unit."""
        for position in sorted(group.entering):
            if self._puts_out_v(position):
                own = self.gains[position]
                size = np.abs(own.gain * own.jump) / self._left(position)
                alike = size.size and size.min() > 0 and size.min() < size.max()
                if alike and self._can_differ(group, weighted, size):
                    return size / size.max()
        return np.ones(())

    def _left(self, position: int) -> np.ndarray:
        own = self.gains[position]
        rule = self.target.at(self.schedule.nodes[position].path)
        if own.decay_syn is None:
            return np.ones(own.gain.shape)
        return np.maximum(after_decay(rule, own.decay_syn), 1e-12)

    def _can_differ(self, group: Group, weighted: list[int], profile: np.ndarray | None) -> bool:
        """Whether each output (or channel) of a group may have its own unit."""
        shapes = {self.schedule.nodes[p].input_shape for p in group.entering}
        shapes |= {self.schedule.nodes[p].output_shape for p in group.leaving}
        if len(shapes) != 1:
            return False  # a pool or a Flatten is in between
        if profile is None or not any(is_convolution(self.nodes[p]) for p in weighted):
            return True
        rows = profile.reshape(len(profile), -1)
        return bool((rows == rows[:, :1]).all())

    def _may_differ(self, group: Group, weighted: list[int]) -> bool:
        """Whether "channel" applies: only before neurons that spike, so that what others read
        has one unit."""
        ends = [p for p in group.entering if p not in group.leaving]
        spiking = all(self.schedule.nodes[p].spiking for p in ends)
        return bool(ends) and spiking and self._can_differ(group, weighted, None)
