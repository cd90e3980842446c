"""A float graph against its integers, and what of the difference each cause explains alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.basics.tables import cell
from nirx.comparison.compare import compare_runs
from nirx.comparison.result import Comparison
from nirx.dynamics.discretization import Discretization
from nirx.execution.backend import find_backend
from nirx.graphs.metadata import resolve_discretization
from nirx.graphs.origin import rebuild_graph
from nirx.graphs.schedule import Schedule, build_schedule
from nirx.quantizing.as_floats import as_floats, without_arithmetic
from nirx.quantizing.plan import Plan, make_plan, whole_inputs
from nirx.quantizing.quantization import Quantization
from nirx.quantizing.quantize import quantize_plan
from nirx.quantizing.target import target_of
from nirx.quantizing.whole_nodes import whole_nodes

__all__ = ["CAUSES", "IntegerComparison", "compare_integers"]

INTEGERS = "integers"
CAUSES = {
    "choices": "the target's other choices of a time step, in floating point",
    "weights": "weights, biases and thresholds made whole, the rest in floating point",
    "decays": "the decays that the arithmetic has, the rest in floating point",
    "width": "rounded and limited states alone: integers against their own numbers in floating "
    "point",
}
"""What may differ, each on its own."""


@dataclass(frozen=True)
class IntegerComparison(Comparison):
    """The result of `nirx.compare(..., arithmetic=...)`: float against integers; a table.

    The others are `"integers"` and, one at a time, `"choices"`, `"weights"` and `"decays"`, each
    against the float graph.

    Arguments:
        width: the integers against their own numbers in floating point.
        quantization: of the graph.
        spikes: the spikes of each run, of all layers together.
    """

    width: Comparison | None = None
    quantization: Quantization | None = None
    spikes: Mapping[str, int] | None = None

    @property
    def causes(self) -> dict[str, int]:
        """How many spikes (or values, without spikes) differ by each cause alone."""
        found = {o.backend: _differing(o) for o in self.others if o.backend != INTEGERS}
        if self.width is not None:
            found["width"] = _differing(self.width.others[0])
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without the recordings."""
        return {
            **super().to_dict(),
            "causes": self.causes,
            "spikes": dict(self.spikes or {}),
            "quantization": self.quantization and self.quantization.to_dict(),
        }

    def __str__(self) -> str:
        lines = [super().__str__()]
        if self.spikes and self.spiking:
            total = max(self.spikes[self.reference], 1)
            own = self.spikes[INTEGERS]
            lines.append(
                f"spikes: {self.spikes[self.reference]:,} in floating point, {own:,} in integers "
                f"({100 * (own / total - 1):+.2f} %)"
            )
        lines.append("differing by each cause alone:")
        lines += [f"  {name}: {n:,} ({cell(CAUSES[name])})" for name, n in self.causes.items()]
        return "\n".join(lines)


def compare_integers(
    graph: nir.NIRGraph,
    xs: Any,
    arithmetic: Any,
    *,
    backend: str,
    discretization: Discretization | None = None,
) -> IntegerComparison:
    """Quantize a graph and run it in floating point, in integers, and with one cause at a time.

    Arguments: as in `nirx.compare`.

    **Raises**: `GraphError`, `InputError`, `UnsupportedError`.
    """
    floats = resolve_discretization(graph, discretization)
    xs = whole_inputs(xs)
    plan = make_plan(graph, floats, target_of(arithmetic, floats), "layer", None)
    found = quantize_plan(graph, plan, None)
    runs = _Runs(plan, graph, floats, found, backend, xs)
    options: dict[str, Any] = {"dtype": "float64", "record": runs.keys, "discretization": floats}
    against = [runs.floating, runs.integers]
    if plan.units is not None:
        exact = runs.written(rounded=False)
        if without_arithmetic(plan.target) != floats:
            against.append(runs.of("choices", exact, decays=False))
        against.append(runs.of("weights", runs.written(rounded=True), decays=False))
        against.append(runs.of("decays", exact, decays=True))
    outer = compare_runs(graph, xs, against, **options)
    own = runs.of("its numbers in floating point", found.graph, decays=True)
    width = compare_runs(graph, xs, [own, runs.integers], **options)
    totals = {
        name: sum(int(recorded[key].sum()) for key in outer.spiking)
        for name, recorded in outer.recordings.items()
    }
    return IntegerComparison(
        **{name: getattr(outer, name) for name in Comparison.__dataclass_fields__},
        width=width,
        quantization=found,
        spikes=totals,
    )


class _Runs:
    """The same network in its variants, as callables for `compare_runs`."""

    def __init__(
        self,
        plan: Plan,
        graph: nir.NIRGraph,
        floats: Discretization,
        found: Quantization,
        backend: str,
        xs: Any,
    ):
        self.plan, self.graph, self.found = plan, graph, found
        self.backend = find_backend(backend)
        self.schedule: Schedule = build_schedule(found.graph, plan.target)[0]
        spiking = [place.name for place in self.schedule.nodes if place.spiking]
        self.keys: list[str] = spiking or [name for name, _ in self.schedule.outputs]
        self.floats = without_arithmetic(plan.target)
        # A graph that was taken as it is has no float graph but its own numbers.
        given = (graph, floats) if plan.units is not None else None
        self.floating = self.of("float", found.graph, decays=False)
        if given is not None:
            self.floating = self._named("float", *given, shift=0)
        self.integers = self._named(INTEGERS, found.graph, plan.target, shift=0)
        del xs

    def written(self, rounded: bool) -> nir.NIRGraph:
        """The float graph in integer units."""
        plan = self.plan
        assert plan.units is not None, "the caller looked"
        new = whole_nodes(
            plan.schedule, plan.nodes, plan.target, plan.gains, plan.units, rounded=rounded
        )
        return rebuild_graph(self.graph, new)

    def of(self, name: str, graph: nir.NIRGraph, *, decays: bool) -> Callable[[Any], Any]:
        """A graph in integer units, in floating point."""
        own = as_floats(graph, self.schedule, self.plan.target, decays=decays)
        assert self.plan.target.arithmetic is not None, "a target has one"
        return self._named(name, own, self.floats, shift=self.plan.target.arithmetic.input_shift)

    def _named(
        self, name: str, graph: nir.NIRGraph, rule: Discretization, shift: int
    ) -> Callable[[Any], Any]:
        def run(xs: Any) -> tuple[Any, Any, Any]:
            prepared = self.backend.prepare(graph, rule, "float64")
            scaled = _shifted(xs, shift)
            outputs, state, recorded = prepared(scaled, None, self.keys)
            return outputs, state, {k: np.asarray(v, np.float64) for k, v in recorded.items()}

        run.__name__ = name
        return run


def _shifted(xs: Any, shift: int) -> Any:
    if isinstance(xs, Mapping):
        return {name: _shifted(array, shift) for name, array in xs.items()}
    return np.asarray(xs) * 2.0**shift


def _differing(other: Any) -> int:
    spikes = [node for node in other.nodes if node.spikes]
    return sum(node.differing for node in spikes or other.nodes)
