"""`nirx.move`: a model from one library to another, and what that changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.basics.shown import Shown
from nirx.basics.type_map import ABSENT, find_handler
from nirx.bridging.adapt import Change, adapt_graph
from nirx.bridging.bridge import Bridge, find_bridge
from nirx.bridging.movable import open_model, sample_shape
from nirx.comparison.result import BackendComparison, Comparison, Fidelity, worst_fidelity
from nirx.comparison.runs import TOLERANCE as COMPARED
from nirx.comparison.runs import compare_runs
from nirx.dynamics.discretization import Discretization
from nirx.execution.assemble import dtype_name
from nirx.execution.backend import from_nir
from nirx.execution.refusal import NotRepresentable
from nirx.graphs.metadata import resolve_discretization
from nirx.graphs.origin import node_at
from nirx.graphs.schedule import Schedule, build_schedule
from nirx.moving.inputs import accepted_input, inputs_for
from nirx.moving.runs import source_run, target_run

__all__ = ["Move", "move"]

TOLERANCE = 1e-6
"""For values, relative to a node's largest: models hold their parameters in float32."""

EXACT = "numpy"
"""The executor that the libraries are compared with."""


@dataclass(frozen=True)
class Move(Shown):
    """The result of `nirx.move`; prints as a table.

    Arguments:
        model: the network in the target library: a `torch.nn.Module` or an `equinox.Module`
            as from `from_nir`, with the library's neurons in it.
        graph: what the target computes, with the discretization in the metadata; write it with
            `nirx.write`.
        changes: what the target cannot represent and what replaces it; without `adapt` only
            replacements with the same spikes.
        source, target: names of the bridges; source is None for a graph.
        original: the graph before any change.
        schedule: the schedule of the original, with the discretization of the exact run.
        inputs: the input of all runs, [time, batch, *features] by Input.
        comparison: the source's run, if there is a source, and the target's, compared node by
            node with the exact executor (the reference).
        adapted: the target compared with the exact executor on `graph`; None without changes.
        silent: neurons that never spiked, so that their spikes could not be compared.
        by_nirx: neurons that the target lacks and nirx runs.
    """

    model: Any
    graph: nir.NIRGraph
    changes: tuple[Change, ...]
    source: str | None
    target: str
    original: nir.NIRGraph
    schedule: Schedule
    inputs: Mapping[str, np.ndarray]
    comparison: Comparison
    adapted: Comparison | None
    silent: tuple[str, ...]
    by_nirx: tuple[str, ...]

    @property
    def discretization(self) -> Discretization:
        """The discretization of the original graph."""
        return self.schedule.discretization

    @property
    def from_source(self) -> BackendComparison | None:
        """The source's run against the exact executor."""
        return self.comparison.others[0] if self.source is not None else None

    @property
    def to_target(self) -> BackendComparison:
        """The target's run against the exact executor."""
        return self.comparison.others[-1]

    @property
    def fidelity(self) -> Fidelity:
        """The worst of all nodes of source and target: "exact", "rounding", "different", or, where
        layers only answer a whole number of steps later, "exact, 2 steps later"."""
        return worst_fidelity([node for other in self.comparison.others for node in other.nodes])

    def __repr__(self) -> str:
        count = len(self.schedule.nodes)
        return (
            f"Move({self.source or 'graph'} -> {self.target}, fidelity={self.fidelity!r}; "
            f"{count} nodes, {len(self.changes)} changes, {len(self.silent)} silent)"
        )

    def _parts(self) -> list[Any]:
        from nirx.moving.table import fidelity_table, remarks

        return [fidelity_table(self), *remarks(self)]


def move(
    model: Any,
    to: str,
    *,
    source: str | None = None,
    xs: Any = None,
    input_shape: Any = None,
    discretization: Discretization | None = None,
    adapt: bool = False,
    dtype: str = "float32",
) -> Move:
    """Move a model to another library, and report for each layer what that changes.

    The model runs three times on the same input: in the source library, on nirx's exact
    executor, and in the target library. All runs are in float64 where both libraries support it,
    so that rounding cannot hide a difference in meaning.

    Arguments:
        model: a model of a library that nirx has a bridge for (it is not changed), a
            `nir.NIRGraph`, the path of a `.nir` file, or a `Movable`.
        to: name of the target: `"norse"`, `"snntorch"`, `"sinabs"`, `"spikingjelly"`,
            `"rockpool"`, `"spyx"`, `"slax"`, `"brainpy"`, `"rockpool-jax"`, or `"torch"` and
            `"jax"` for nirx's own neurons.
        source: name of the model's library; None infers it from the types of its parts.
        xs: [time, batch, *features], or a dict by Input; None draws `RandomSpikes`.
        input_shape: shape of one sample, where no layer of the model tells it; None takes that
            of xs.
        discretization: None takes that of the model's modules, or of the graph's metadata.
        adapt: where the target cannot represent the model, change the model to the nearest that
            it can, instead of refusing.
        dtype: dtype of the network that is returned.

    Returns: a `Move`: the model, the graph, the changes and the comparison.

    **Units**: dt shares its unit with the graph's time constants and delays.

    **Raises**: `NotRepresentable` (an `UnsupportedError`) with node, parameter and the nearest
    that the target can represent, `GraphError`, `InputError`, `FileError`.
    """
    target = find_bridge(to)
    kind = dtype_name(dtype)
    xs = accepted_input(xs)
    own = open_model(model, source, sample_shape(model, input_shape, xs))
    original, origin = own.graph, own.bridge
    chosen = resolve_discretization(original, discretization)
    schedule, _ = build_schedule(original, chosen)
    checked = "float64" if _all_have("float64", origin, target) else "float32"
    inputs = inputs_for(original, schedule, xs, checked)
    try:
        fit = adapt_graph(original, schedule, target.node_map, kind, not adapt, exactly=True)
    except NotRepresentable as refusal:
        if not adapt and (refusal.rule or refusal.node):
            words = _late_words(refusal, schedule, target)
            raise refusal.with_hint("adapt=True (--adapt) uses it", words) from refusal
        raise
    runs: list[Any] = [EXACT]
    if origin is not None:
        runs.append(source_run(origin, own.model, schedule, checked))
    names = [place.name for place in schedule.nodes if place.type_name != "Input"]
    places = {name: fit.moved.get(name, name) for name in names if fit.moved.get(name, name)}
    run = target_run(target, fit, checked, places)
    options = {"dtype": checked, "record": names, "tolerance": max(TOLERANCE, COMPARED[checked])}
    comparison = compare_runs(original, inputs, [*runs, run], discretization=chosen, **options)
    adapted = None
    if any(not change.exact for change in fit.changes):
        run = target_run(target, fit, checked, {at: at for at in places.values()})
        options["record"] = list(places.values())
        adapted = compare_runs(
            fit.graph, inputs, [EXACT, run], discretization=fit.discretization, **options
        )
    return Move(
        model=from_nir(fit.graph, target.backend, None, kind, node_map=target.node_map),
        graph=fit.graph,
        changes=fit.changes,
        source=None if origin is None else origin.name,
        target=target.name,
        original=original,
        schedule=schedule,
        inputs=inputs,
        comparison=comparison,
        adapted=adapted,
        silent=comparison.silent,
        by_nirx=_left_to_nirx(original, schedule, target),
    )


def _late_words(refusal: NotRepresentable, schedule: Schedule, target: Bridge) -> str:
    """What a refused output="new" means, for a target that has output="old" only."""
    places = [place for place in schedule.nodes if place.name == refusal.place]
    if refusal.rule is None or refusal.rule.output != "old" or not places:
        return ""
    if schedule.discretization.at(places[0].path).output == "old":
        return ""
    return (
        f"{target.name} puts spikes out one step late; with adapt=True (--adapt) each of its "
        "neurons answers one step later, layer after layer, and the result says whether anything "
        "else changes"
    )


def _left_to_nirx(graph: nir.NIRGraph, schedule: Schedule, target: Bridge) -> tuple[str, ...]:
    if not target.node_map:
        return ()  # the target is nirx itself
    neurons = [place for place in schedule.nodes if place.neuron]
    kinds = {p.name: type(node_at(graph, p.path)) for p in neurons}
    return tuple(n for n, k in kinds.items() if find_handler(k, target.node_map) is ABSENT)


def _all_have(dtype: str, *bridges: Bridge | None) -> bool:
    return all(dtype in bridge.dtypes for bridge in bridges if bridge is not None)
