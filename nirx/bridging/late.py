"""A late output as a Delay: two forms of the same network.

Some libraries output the spikes of the old v, most those of the new v. The former are the latter
one step later, so a Delay of one step behind the neuron can replace output="old", and vice versa.
"""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path, format_path
from nirx.bridging.membrane import membrane_of
from nirx.dynamics.discretization import Discretization
from nirx.graphs.origin import node_at
from nirx.graphs.schedule import Schedule, ScheduledNode

__all__ = ["Form", "late_graph", "other_form"]

NEURON, DELAY = "neuron", "delay"
"""Names in the graph that replaces a neuron."""

LATER = "output='old' is output='new' and a Delay of one step: the same numbers in another form"
SOONER = (
    "output='new' is output='old' and one step less in the Delay behind it: the same numbers in "
    "another form"
)


@dataclass(frozen=True)
class Form:
    """The other form of a neuron.

    Arguments:
        path: path of the neuron in it.
        rule: discretization of the neuron in it.
        output: the node with the neuron's original output; an empty name where there is none.
        delays: replacements of other nodes.
        text: the change in words.
    """

    path: Path
    rule: Discretization
    output: str
    delays: Mapping[Path, nir.Delay]
    text: str


def other_form(
    graph: nir.NIRGraph, schedule: Schedule, place: ScheduledNode, node: Any, rule: Discretization
) -> Form | None:
    """A neuron of output="old" as one of "new" with a Delay behind it, or the reverse.

    The reverse needs a Delay of at least one step behind the neuron. None where the two differ: a
    Delay outputs 0 in the first step, so the start value must not spike (or be read); and in a
    cycle the Delay would replace the feedback edge, which is one step late by itself.
    """
    own = membrane_of(node, rule)
    quiet = own.start < own.threshold if hasattr(node, "v_threshold") else own.start == 0
    if not quiet.all() or any(place.name in part for part in schedule.components):
        return None
    if rule.output == "old":
        output = format_path((*place.path, DELAY))
        return Form((*place.path, NEURON), replace(rule, output="new"), output, {}, LATER)
    delays = _sooner_delays(graph, schedule, place, rule.dt)
    if not delays or (rule.reset_when == "same" and rule.reset != "none"):
        return None  # output="old" allows a reset in the next step only
    return Form(place.path, replace(rule, output="old"), "", delays, SOONER)


def late_graph(node: Any, place: ScheduledNode, dt: float) -> nir.NIRGraph:
    """A neuron and a Delay of one step behind it, as a graph that replaces the neuron."""
    nodes = {
        "input": nir.Input(np.array(place.input_shape, int)),
        NEURON: copy.deepcopy(node),
        DELAY: nir.Delay(np.full(place.output_shape, dt)),
        "output": nir.Output(np.array(place.output_shape, int)),
    }
    names = list(nodes)
    return nir.NIRGraph(nodes, list(itertools.pairwise(names)), type_check=False)


def _sooner_delays(
    graph: nir.NIRGraph, schedule: Schedule, place: ScheduledNode, dt: float
) -> dict[Path, nir.Delay]:
    """The readers of a node, one step shorter; empty unless all are Delays of a step or more."""
    own = schedule.positions[place.path]
    found = {}
    for reader in schedule.nodes:
        if any(source.position == own for source in reader.sources):
            late = reader.type_name == "Delay" and reader.dynamics.whole_step_delay  # type: ignore[union-attr]
            if not late or len(reader.sources) > 1:
                return {}
            found[reader.path] = new = copy.deepcopy(node_at(graph, reader.path))
            new.delay = np.maximum(np.asarray(new.delay, np.float64) - dt, 0.0)
    return found
