"""The nearest network that a library can represent, and what had to change for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import nir

from nirx.assemble import call_builder
from nirx.bridging.membrane import membrane_of
from nirx.bridging.refusal import NotRepresentable
from nirx.discretization import Discretization
from nirx.exporting import with_discretization
from nirx.node_types import find_type
from nirx.origin import node_at, rebuild_graph
from nirx.paths import Path
from nirx.rules import gather_rules
from nirx.schedule import Schedule
from nirx.type_map import ABSENT, find_handler

__all__ = ["Adapted", "Change", "adapt_graph"]

MOST_CHANGES = 32
"""Per node; every change settles one choice or parameter, of which there are fewer."""


ALIKE = "reset_when='same' gives the same spikes: it only shows the reset in v one step earlier"


@dataclass(frozen=True)
class Change:
    """One thing that a library cannot do, and what took its place.

    Arguments:
        node: path of the node.
        text: what was found, and the nearest that the library can represent.
    """

    node: str
    text: str

    def __str__(self) -> str:
        return f"{self.node}: {self.text}"


@dataclass(frozen=True)
class Adapted:
    """A graph that a library can represent.

    Arguments:
        graph: its metadata carry the discretization.
        changes: what differs from the graph it was made of; empty if nothing does.
    """

    graph: nir.NIRGraph
    discretization: Discretization
    changes: tuple[Change, ...]


def adapt_graph(
    graph: nir.NIRGraph,
    schedule: Schedule,
    node_map: Mapping[type, Any],
    dtype: str = "float32",
    strict: bool = True,
) -> Adapted:
    """The graph as a library can represent it.

    Arguments:
        graph: left as it is; schedule: of it.
        node_map: of the library's bridge.
        strict: raise the first refusal instead of taking the nearest, unless that gives the
            same spikes.

    **Raises**: `NotRepresentable` for a node that the library refuses: any with `strict`, else
    one for which it has nothing near.
    """
    discretization = schedule.discretization
    rules: dict[Path, Discretization] = {}
    nodes: dict[Path, Any] = {}
    changes: list[Change] = []
    for place in schedule.nodes:
        node = node_at(graph, place.path)
        entry = find_type(type(node))
        if entry is None or entry.dynamics is None or not entry.dynamics.uses_dt:
            continue
        rule = discretization.at(place.path)
        builder = find_handler(type(node), node_map)
        if builder is not ABSENT and builder is not None:
            for _ in range(MOST_CHANGES):
                try:
                    call_builder(builder, node, rule, dtype, place.name)
                    break
                except NotRepresentable as refusal:
                    alike = refusal.node is None and _same_spikes(node, rule, refusal.rule)
                    final = refusal.rule is None and refusal.node is None
                    if final or (strict and not alike):
                        raise
                    note = ALIKE if alike else refusal.expected
                    changes.append(Change(place.name, f"{refusal.found}; {note}"))
                    rule = refusal.rule or rule
                    if refusal.node is not None:
                        nodes[place.path] = node = refusal.node
        rules[place.path] = rule
    chosen = discretization
    if any(rule != discretization.at(path) for path, rule in rules.items()):
        chosen = gather_rules(rules) or discretization
    own = with_discretization(rebuild_graph(graph, nodes), chosen)
    return Adapted(own, chosen, tuple(changes))


def _same_spikes(node: Any, rule: Discretization, other: Discretization | None) -> bool:
    """Whether two rules differ in nothing but that a reset is at the end of a step or at the
    beginning of the next, and the node starts where neither resets it."""
    pair = {"same", "next-leaked"}
    if other is None or {rule.reset_when, other.reset_when} != pair or rule.output != "new":
        return False
    if replace(other, reset_when=rule.reset_when) != rule:
        return False
    own = membrane_of(node, rule)
    above = own.start >= own.threshold if rule.threshold == "ge" else own.start > own.threshold
    return not above.any()
