"""A float graph against its integers, and what of the difference each cause explains alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

import nir
import numpy as np

from nirx.basics.tables import cell
from nirx.comparison.result import BackendComparison, Comparison
from nirx.comparison.runs import compare_runs
from nirx.dynamics.discretization import Discretization
from nirx.execution.backend import find_backend
from nirx.graphs.origin import rebuild_graph
from nirx.graphs.schedule import build_schedule
from nirx.quantizing.as_floats import as_floats, without_arithmetic
from nirx.quantizing.plan import Plan, make_plan, whole_inputs
from nirx.quantizing.quantization import Quantization
from nirx.quantizing.quantize import quantize_plan
from nirx.quantizing.target import choices_of
from nirx.quantizing.whole_nodes import whole_nodes

__all__ = ["CAUSES", "IntegerComparison", "compare_integers"]

Run = Callable[[Any], Any]

INTEGERS = "integers"
CAUSES = {
    "choices": "the target's other choices of a time step",
    "weights": "weights, biases and thresholds made whole",
    "decays": "decays that the arithmetic has",
    "width": "states rounded and kept within their bits",
}
"""What may differ. Each is found alone: all the rest of both runs is in floating point and alike;
for the last one, what is alike has the integers' own numbers."""


@dataclass(frozen=True)
class IntegerComparison(Comparison):
    """The result of `nirx.compare(..., arithmetic=...)`: float against integers; a table.

    Arguments:
        alone: by cause, the run with this cause against the same without it.
        quantization: of the graph.
    """

    alone: Mapping[str, BackendComparison] = field(default_factory=dict)
    quantization: Quantization | None = None

    @property
    def causes(self) -> dict[str, int]:
        """How many spikes (or values, where no layer spikes) differ by each cause alone."""
        return {name: _differing(own) for name, own in self.alone.items()}

    @property
    def spikes(self) -> dict[str, tuple[int, int]]:
        """By layer, its spikes in floating point and in integers."""
        runs = (self.recordings[self.reference], self.recordings[INTEGERS])
        return {key: (int(runs[0][key].sum()), int(runs[1][key].sum())) for key in self.spiking}

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without the recordings."""
        return {
            **super().to_dict(),
            "causes": self.causes,
            "spikes": {
                k: dict(zip(("float", INTEGERS), v, strict=True)) for k, v in self.spikes.items()
            },
            "quantization": self.quantization and self.quantization.to_dict(),
        }

    def _parts(self) -> list[Any]:
        lines = super()._parts()
        for key, (floats, own) in self.spikes.items():
            rate = f" ({100 * (own / floats - 1):+.2f} %)" if floats else ""
            lines.append(
                f"{cell(key)}: {floats:,} spikes in floating point, {own:,} in integers{rate}"
            )
        lines.append("differing by each cause alone:")
        lines += [f"  {name}: {count:,} ({CAUSES[name]})" for name, count in self.causes.items()]
        return lines


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
    floats, target = choices_of(graph, arithmetic, discretization)
    xs = whole_inputs(xs)
    plan = make_plan(graph, floats, target, "layer", None)
    found = quantize_plan(graph, plan, None)
    runs = _Runs(plan, graph, found, backend, xs)
    options: dict[str, Any] = {"dtype": "float64", "record": runs.keys, "discretization": floats}
    integers = runs.named(INTEGERS, found.graph, plan.target, runs.units)
    alone = {}
    floating = runs.in_floats("float", found.graph)
    if plan.units is not None:  # else its numbers are those of the float graph already
        floating = runs.named("float", graph, floats, {})
        exact = runs.written(rounded=False)
        base = runs.in_floats("the target's choices", exact)
        if runs.floats != floats:
            alone["choices"] = (floating, base)
        alone["weights"] = (base, runs.in_floats("weights", runs.written(rounded=True)))
        alone["decays"] = (base, runs.in_floats("decays", exact, decays=True))
    alone["width"] = (runs.in_floats("its own numbers", found.graph, decays=True), integers)
    outer = compare_runs(graph, xs, [floating, integers], **options)
    return IntegerComparison(
        **{own.name: getattr(outer, own.name) for own in fields(Comparison)},
        alone={
            name: compare_runs(graph, xs, pair, **options).others[0] for name, pair in alone.items()
        },
        quantization=found,
    )


class _Runs:
    """A network in its variants, as callables for `compare_runs`."""

    def __init__(self, plan: Plan, graph: nir.NIRGraph, found: Quantization, backend: str, xs: Any):
        self.plan, self.graph, self.xs = plan, graph, xs
        self.backend = find_backend(backend)
        self.schedule = build_schedule(found.graph, plan.target)[0]
        self.floats = without_arithmetic(plan.target)
        spiking = [place.name for place in self.schedule.nodes if place.spiking]
        self.keys: list[str] = spiking or [name for name, _ in self.schedule.outputs]
        self.units = {} if spiking else {n: np.array(u) for n, u in found.outputs.items()}

    def written(self, rounded: bool) -> nir.NIRGraph:
        """The float graph in integer units."""
        plan = self.plan
        assert plan.units is not None, "the caller looked"
        new = whole_nodes(
            plan.schedule, plan.nodes, plan.target, plan.gains, plan.units, rounded=rounded
        )
        return rebuild_graph(self.graph, new)

    def in_floats(
        self, name: str, graph: nir.NIRGraph, *, decays: bool = False
    ) -> Callable[[Any], Any]:
        """A graph in integer units, in floating point."""
        own = as_floats(graph, self.schedule, self.plan.target, decays=decays)
        assert self.plan.target.arithmetic is not None, "a target has one"
        factor = 2.0**self.plan.target.arithmetic.input_shift
        return self.named(name, own, self.floats, self.units, factor)

    def named(
        self,
        name: str,
        graph: nir.NIRGraph,
        rule: Discretization,
        units: Mapping[str, np.ndarray],
        factor: float = 1.0,
    ) -> Run:
        """A run of a graph, which happens once; what it returns is divided by its units."""

        @cache
        def once() -> tuple[Any, Any, Any]:
            prepared = self.backend.prepare(graph, rule, "float64")
            _, state, recorded = prepared(_scaled(self.xs, factor), None, self.keys)
            found = {
                str(key): np.asarray(values, np.float64) / units.get(str(key), 1.0)
                for key, values in recorded.items()
            }
            return {}, state, found

        def run(_: Any) -> tuple[Any, Any, Any]:
            return once()

        run.__name__ = name
        return run


def _scaled(xs: Any, factor: float) -> Any:
    if isinstance(xs, Mapping):
        return {name: _scaled(array, factor) for name, array in xs.items()}
    return np.asarray(xs) * factor


def _differing(other: BackendComparison) -> int:
    return sum(node.differing for node in other.nodes if node.first_divergence is not None)
