"""An output that comes a step late, as a Delay: two forms of the same network.

Some libraries put out the spikes of the old v, most those of the new v. The first are the second
a step later, so that a Delay of one step behind the neuron takes the choice's place, and the
choice that of a Delay.
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
"""In the graph that takes the place of a neuron."""


LATER = "output='old' is output='new' and a Delay of one step: the same numbers in another form"
SOONER = (
    "output='new' is output='old' and a step less in the Delay behind it: the same numbers in "
    "another form"
)


@dataclass(frozen=True)
class Form:
    """The other form of a neuron.

    Arguments:
        path: where the neuron is in it.
        rule: by which it steps there.
        output: the node that gives what it gave; an empty name where none does.
        delays: what takes the place of other nodes.
        text: for people.
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

    The latter only where a Delay follows that can give a step away. None where the two are not
    the same: a Delay gives 0 in the first step, so the start may not spike, or be read; and in a
    cycle it would take the place of the edge that is late by itself.
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
        return None  # an output of the old v goes with a reset in the next step only
    return Form(place.path, replace(rule, output="old"), "", delays, SOONER)


def late_graph(node: Any, place: ScheduledNode, dt: float) -> nir.NIRGraph:
    """A neuron with a Delay of one step behind it, to stand in its place."""
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
    """All that read a node, a step shorter; empty unless these are Delays of a step or more."""
    own = schedule.positions[place.path]
    readers = [n for n in schedule.nodes if any(s.position == own for s in n.sources)]
    for reader in readers:
        late = reader.type_name == "Delay" and reader.dynamics.whole_step_delay  # type: ignore[union-attr]
        if not late or len(reader.sources) > 1:
            return {}
    return {reader.path: _sooner(node_at(graph, reader.path), dt) for reader in readers}


def _sooner(node: nir.Delay, dt: float) -> nir.Delay:
    new = copy.deepcopy(node)
    new.delay = np.maximum(np.asarray(node.delay, np.float64) - dt, 0.0)
    return new
