"""Silence: layers that never spiked, so that a run or a comparison says nothing about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.basics.name_list import name_list
from nirx.dynamics.parameters import parameter
from nirx.graphs.origin import node_at
from nirx.graphs.recording import Probe, recorded_node
from nirx.graphs.schedule import Schedule

__all__ = ["NO_SILENCE", "Silence", "WithSilence", "active", "find_silence"]

STEP_LIKE, SMALL_DT = 1.0, 0.01
"""Time constants from the first on, with a dt up to the second, probably count steps or ms."""


@dataclass(frozen=True)
class Silence:
    """What never spiked in a run, as far as its recordings show.

    Arguments:
        layers: paths of the spiking nodes whose spikes were recorded, in the order of execution.
        silent: those of them that never spiked, in no sample and on no backend.
        zero: whether every recorded output of the graph is 0 in every step (without any recorded
            output: every recording but those of spikes and Inputs).
        hint: a probable cause, in words; may be empty.
    """

    layers: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    zero: bool = False
    hint: str = ""

    @property
    def nothing_compared(self) -> bool:
        """Whether no recorded layer spiked; without spiking layers, whether all values are 0."""
        return len(self.silent) == len(self.layers) if self.layers else self.zero

    def text(self, compared: bool = True) -> str:
        """The silence as one sentence; empty if there is none.

        Arguments:
            compared: whether runs were compared, and not only done.
        """
        if not (self.silent or self.zero):
            return ""
        if self.nothing_compared:
            parts = ["nothing was compared: " * compared + self._whole()]
        else:
            parts = []
            if self.silent:
                unseen = ", so their spikes were not compared" * compared
                parts.append(f"never spiked{unseen}: {name_list(self.silent)}")
            if self.zero:
                parts.append("every output is 0 in every step")
        return "; ".join([*parts, *[self.hint] * bool(self.hint)])

    def _whole(self) -> str:
        if not self.layers:
            return "every output is 0 in every step"
        count = len(self.layers)
        layers = f"{count} layers spiked ({name_list(self.layers)})"
        return f"no neuron of {layers if count > 1 else f'{self.layers[0]} spiked'}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"silent": list(self.silent), "nothing_compared": self.nothing_compared}


NO_SILENCE = Silence()


class WithSilence:
    """A result that knows the silence of what was compared."""

    silence: Silence

    @property
    def silent(self) -> tuple[str, ...]:
        """Layers that never spiked on any side, so that their spikes were not compared."""
        return self.silence.silent

    @property
    def nothing_compared(self) -> bool:
        """Whether no layer spiked; without any spiking layer, whether every value is 0."""
        return self.silence.nothing_compared


def find_silence(
    graph: nir.NIRGraph, schedule: Schedule, recorded: Iterable[tuple[Probe, bool]]
) -> Silence:
    """The silence of one or more runs.

    Arguments:
        graph: what ran.
        schedule: of the graph.
        recorded: each recording of each run, and whether any number in it is not 0. An Output
            that passes on the spikes of a layer counts as a recording of the layer.
    """
    spiked: dict[int, bool] = {}
    outputs: list[bool] = []
    values: list[bool] = []
    ends = [position for _, position in schedule.outputs]
    for probe, active in recorded:
        source = recorded_node(schedule, probe) if probe.variable is None else None
        if probe.position in ends:
            outputs.append(active)
        if source is not None and source.spiking:
            place = schedule.positions[source.path]
            spiked[place] = active or spiked.get(place, False)
        elif source is None or source.type_name != "Input":
            values.append(active)
    layers = sorted(spiked)
    seen = outputs or values
    found = Silence(
        tuple(schedule.nodes[p].name for p in layers),
        tuple(schedule.nodes[p].name for p in layers if not spiked[p]),
        bool(seen) and not any(seen),
    )
    if not found.silent:
        return found
    return Silence(found.layers, found.silent, found.zero, _unit_hint(graph, schedule))


def active(arrays: Mapping[Any, np.ndarray], probes: Iterable[Probe]) -> list[tuple[Probe, bool]]:
    """The recordings of one run, as `find_silence` takes them; those that are missing are left
    out, and so are empty ones."""
    own = ((probe, arrays.get(str(probe.key))) for probe in probes)
    return [(probe, bool(a.any())) for probe, a in own if a is not None and a.size]


def _unit_hint(graph: nir.NIRGraph, schedule: Schedule) -> str:
    """Says so where dt is far below the unit that the graph's numbers seem to be in; else ""."""
    dt = schedule.discretization.dt
    constants: list[float] = []
    charging: list[float] = []
    for place in schedule.nodes:
        if not place.neuron or place.dynamics is None:
            continue
        node = node_at(graph, place.path)
        constants += [_least(parameter(node, name)) for name in place.dynamics.positive]
        if place.spiking and not place.dynamics.positive and hasattr(node, "r"):
            charging.append(_charging_time(node))
    times = constants or charging
    if not times or min(times) < STEP_LIKE or dt > SMALL_DT:
        return ""
    if constants:
        return (
            f"dt is {dt:g} but every time constant is {min(times):g} or more: the graph counts in "
            "steps (dt=1) or in milliseconds?"
        )
    return (
        f"dt is {dt:g} but an input of 1 charges no neuron to its threshold within a time of "
        f"{min(times):g}: the graph counts in steps (dt=1)?"
    )


def _least(array: np.ndarray) -> float:
    return float(np.min(array, initial=np.inf))


def _charging_time(node: Any) -> float:
    """How long an input of 1 takes to charge a neuron without a leak from 0 to its threshold."""
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.abs(parameter(node, "v_threshold") / np.float64(parameter(node, "r")))
    return _least(np.nan_to_num(own, nan=0.0))
