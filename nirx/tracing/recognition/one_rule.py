"""One discretization for a graph in which neurons became NIR nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import nir

from nirx.basics.paths import Path, format_path
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.node_types import find_type
from nirx.dynamics.ops import Shape
from nirx.tracing.recognition.recognition import Recognition, recognised

__all__ = ["all_recognised", "one_rule", "uses_dt"]

SPIKING = ("threshold", "spikes", "max_spikes")
RESET = ("reset", "reset_when")
LEAKY = ("integrator", "input_gain", "initial_v")
SYNAPSE = ("synapse", "synapse_input")


def uses_dt(nodes: Iterable[Any]) -> bool:
    """Whether what any of these nodes computes depends on a discretization."""
    entries = (find_type(type(node)) for node in nodes)
    return any(e is not None and e.dynamics is not None and e.dynamics.uses_dt for e in entries)


def all_recognised(
    neurons: Mapping[Path, tuple[Neuron, Shape | None]], dt: float | None
) -> dict[Path, Recognition]:
    """What is recognised of the neurons of a graph, all with one dt.

    Arguments:
        neurons: with the shapes of their inputs, by path.
        dt: the graph's; None takes that of the neurons' parameters "dt" if it is the same for
            all, else 1.
    """

    def tried(dt: float | None) -> dict[Path, Recognition]:
        found = {path: recognised(node, shape, dt) for path, (node, shape) in neurons.items()}
        return {path: own for path, own in found.items() if own is not None}

    found = tried(dt)
    return tried(1.0) if len({own.rule.dt for own in found.values()}) > 1 else found


def one_rule(base: Discretization | None, found: Mapping[Path, Recognition]) -> Discretization:
    """The discretization of a graph, with overrides where a recognised node needs other choices.

    Arguments:
        base: of the other nodes. None takes the most common rule of the recognised nodes that
            spike, or of all where none does; in a tie, the first by path.
        found: what was recognised, not empty.
    """
    if base is None:
        spiking = [own.rule for own in found.values() if hasattr(own.node, "v_threshold")]
        rules = spiking or [own.rule for own in found.values()]
        base = Counter(rules).most_common(1)[0][0]
    overrides = {path: dict(own) for path, own in base.overrides.items()}
    for path, own in found.items():
        around = base.at(path)
        differ = {
            name: getattr(own.rule, name)
            for name in _that_matter(own)
            if getattr(own.rule, name) != getattr(around, name)
        }
        if differ:
            key = format_path(path)
            overrides[key] = {**overrides.get(key, {}), **differ}
    return replace(base, overrides=overrides)


def _that_matter(own: Recognition) -> tuple[str, ...]:
    """Names of the choices that change what a node does."""
    node = own.node
    if isinstance(node, nir.Scale):
        return ()
    if isinstance(node, nir.Threshold):
        return ("threshold",)
    names = ("output",)
    if hasattr(node, "v_threshold"):
        names += SPIKING + RESET
    elif own.rule.output == "old":
        names += RESET  # a late output is legal only with some of them
    if hasattr(node, "v_leak"):
        names += LEAKY
    return names + (SYNAPSE if hasattr(node, "w_in") else ())
