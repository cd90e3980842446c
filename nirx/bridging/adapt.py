"""The nearest network that a library can represent, and the changes that lead to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import nir

from nirx.basics.paths import Path, format_path
from nirx.basics.type_map import ABSENT, find_handler
from nirx.bridging.late import Form, late_graph, other_form
from nirx.bridging.membrane import membrane_of
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import find_type
from nirx.execution.assemble import call_builder
from nirx.execution.refusal import NotRepresentable
from nirx.graphs.origin import node_at, rebuild_graph
from nirx.graphs.returns import map_returns, stored_returns, with_returns
from nirx.graphs.rules import gather_rules
from nirx.graphs.schedule import Schedule, ScheduledNode
from nirx.tracing.exporting import with_discretization

__all__ = ["Adapted", "Change", "adapt_graph"]

MOST_CHANGES = 32
"""For one node; every change fixes one choice or parameter, of which there are fewer."""

SAME_SPIKES = "reset_when='same' has the same spikes; only v shows the reset one step earlier"


@dataclass(frozen=True)
class Change:
    """One choice or parameter that a library does not support, and its replacement.

    Arguments:
        node: path of the node.
        text: what was found, and the nearest that the library can represent.
        exact: whether it is only another form, with the same outputs of the network.
    """

    node: str
    text: str
    exact: bool = False

    def __str__(self) -> str:
        return f"{self.node}: {self.text}"


@dataclass(frozen=True)
class Adapted:
    """A graph that a library can represent.

    Arguments:
        graph: has the discretization in its metadata.
        changes: what differs from the original graph.
        moved: node of the original -> the node with its output here, where that is another; an
            empty name where there is none.
    """

    graph: nir.NIRGraph
    discretization: Discretization
    changes: tuple[Change, ...]
    moved: Mapping[str, str] = field(default_factory=dict)


def adapt_graph(
    graph: nir.NIRGraph,
    schedule: Schedule,
    node_map: Mapping[type, Any],
    dtype: str = "float32",
    strict: bool = True,
    exactly: bool = False,
) -> Adapted:
    """The graph in a form that a library can represent.

    Arguments:
        graph: the original, which is not changed.
        schedule: the schedule of the graph.
        node_map: that of the library's bridge.
        dtype: dtype of the network.
        strict: raise the first refusal instead of taking the nearest.
        exactly: before that, try a form with the same spikes: a reset at the end of a step for
            one at the beginning of the next, and a Delay for an output of the old v.

    **Raises**: `NotRepresentable` for a node that the library cannot represent: for every such
    node with `strict`, else for one without a nearest.
    """
    discretization = schedule.discretization
    rules: dict[Path, Discretization] = {}
    nodes: dict[Path, Any] = {}
    changes: list[Change] = []
    moved: dict[str, str] = {}
    states: dict[str, str] = {}  # key of a recording -> its key in the changed graph
    for place in schedule.nodes:
        node = node_at(graph, place.path)
        entry = find_type(type(node))
        if entry is None or entry.dynamics is None or not entry.dynamics.uses_dt:
            continue
        own = _Fitting(graph, schedule, place, node, discretization.at(place.path))
        builder = find_handler(type(node), node_map)
        if builder is not ABSENT and builder is not None:
            own.fit(builder, dtype, strict, exactly)
        changes += own.changes
        if own.node is not node:
            nodes[place.path] = own.node
        rules[place.path if own.form is None else own.form.path] = own.rule
        if own.form is not None:
            moved[place.name] = own.form.output
            for variable in ("v", "i"):
                old, new = (format_path(p) for p in (place.path, own.form.path))
                states[f"{old}.{variable}"] = f"{new}.{variable}"
            nodes |= own.form.delays
            if own.form.path != place.path:
                nodes[place.path] = late_graph(own.node, place, own.rule.dt)
    chosen = discretization
    if any(rule != discretization.at(path) for path, rule in rules.items()):
        chosen = gather_rules(rules) or discretization
    fitted = with_discretization(rebuild_graph(graph, nodes), chosen)
    returns = stored_returns(graph)
    if returns is not None:
        with_returns(fitted, map_returns(returns, lambda key: states.get(key, key)))
    return Adapted(fitted, chosen, tuple(changes), moved)


@dataclass
class _Fitting:
    """A node that is being changed until a library can represent it.

    Arguments:
        node, rule: their present values.
        form: the other form that replaces the node, if one does.
    """

    graph: nir.NIRGraph
    schedule: Schedule
    place: ScheduledNode
    node: Any
    rule: Discretization
    form: Form | None = None
    changes: list[Change] = field(default_factory=list)

    def fit(self, builder: Any, dtype: str, strict: bool, exactly: bool) -> None:
        """Change the node until the builder accepts it.

        **Raises**: `NotRepresentable` where no change is left, or allowed.
        """
        for _ in range(MOST_CHANGES):
            try:
                call_builder(builder, self.node, self.rule, dtype, self.place.name)
                return
            except NotRepresentable as refusal:
                if not (exactly and self._has_same_spikes(refusal)):
                    self._take_nearest(refusal, strict)

    def _has_same_spikes(self, refusal: NotRepresentable) -> bool:
        """Whether the node now has another form with the same spikes."""
        if refusal.rule is None:
            return False
        if refusal.node is None and _same_spikes(self.node, self.rule, refusal.rule):
            self.changes.append(Change(self.place.name, f"{refusal.found}; {SAME_SPIKES}"))
            self.rule = refusal.rule
            return True
        if refusal.rule.output == self.rule.output or self.form is not None:
            return False
        self.form = other_form(self.graph, self.schedule, self.place, self.node, self.rule)
        if self.form is None:
            return False
        self.rule = self.form.rule
        self.changes.append(Change(self.place.name, self.form.text, exact=True))
        return True

    def _take_nearest(self, refusal: NotRepresentable, strict: bool) -> None:
        if strict or (refusal.rule is None and refusal.node is None):
            raise refusal
        self.changes.append(Change(self.place.name, f"{refusal.found}; {refusal.expected}"))
        self.rule = refusal.rule or self.rule
        self.node = self.node if refusal.node is None else refusal.node


def _same_spikes(node: Any, rule: Discretization, other: Discretization) -> bool:
    """Whether the other rule differs only in a reset at the end of a step instead of at the
    beginning of the next, and neither resets the start value."""
    if (rule.reset_when, other.reset_when) != ("next-leaked", "same") or rule.output != "new":
        return False
    if (other.output, other.reset) != (rule.output, rule.reset):
        return False  # the next replace() might not be legal
    if replace(other, reset_when=rule.reset_when) != rule:
        return False
    own = membrane_of(node, rule)
    above = own.start >= own.threshold if rule.threshold == "ge" else own.start > own.threshold
    return not above.any()
