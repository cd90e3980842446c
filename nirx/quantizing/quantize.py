"""`nirx.quantize`: a float graph as one in the integer units of a chip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import nir
import numpy as np

from nirx.basics.progress import stage
from nirx.dynamics.discretization import Discretization
from nirx.execution.assemble import load
from nirx.execution.numpy_backend import BACKEND
from nirx.graphs.metadata import DISCRETIZATION_KEY
from nirx.graphs.origin import rebuild_graph
from nirx.graphs.schedule import build_schedule
from nirx.quantizing.measure import report_of
from nirx.quantizing.plan import Plan, make_plan, whole_inputs
from nirx.quantizing.quantization import SCALES_KEY, Quantization
from nirx.quantizing.target import choices_of
from nirx.quantizing.weights import one_if_alike
from nirx.quantizing.whole_nodes import whole_nodes
from nirx.quantizing.wires import WEIGHTED

__all__ = ["quantize", "quantize_plan"]


def quantize(
    graph: Any,
    arithmetic: Any,
    *,
    scale: str | Mapping[str, float] = "layer",
    inputs: Any = None,
    discretization: Discretization | None = None,
) -> Quantization:
    """A graph in integer units whose run in integers approximates that of a float graph.

    Neurons keep no gains but powers of two: what is left of r and w_in goes into their thresholds.
    An AvgPool2d becomes a SumPool2d, whose factor goes into what follows. A graph that already
    holds whole numbers in range is taken as it is.

    Arguments:
        graph: a `nir.NIRGraph`, which is not changed, or the path of a `.nir` file.
        arithmetic: a `nirx.Arithmetic`, with which the graph keeps its discretization; a
            `nirx.Discretization` that has one, or a preset (`"loihi"`), which replace it.
        scale: of weights: the largest that their bits allow, per `"layer"` or per `"channel"`
            (or neuron, before neurons that spike), `"power-of-two"` per layer, or
            `{path: number}`, where what does not fit saturates.
        inputs: [time, *batch, *features], or a dict by Input, whole numbers. States get the bits
            that the float graph needs on them, and the report counts overflows.
        discretization: of the float graph; None takes that of its metadata.

    Returns: a `Quantization`: `graph` (with its discretization and its scales in the metadata),
    `discretization`, `report` by node, and `outputs`, the units of the Outputs.

    **Raises**: `GraphError` for what does not fit, with the numbers; `InputError`, `FileError`.

    **Source**: docs/integers.md.
    """
    graph = load(graph)
    floats, target = choices_of(graph, arithmetic, discretization)
    inputs = None if inputs is None else whole_inputs(inputs)
    with stage("quantizing", 2, "parts") as advance:
        plan = make_plan(graph, floats, target, scale, inputs)
        advance(1)
        return quantize_plan(graph, plan, inputs)


def quantize_plan(graph: nir.NIRGraph, plan: Plan, inputs: Any) -> Quantization:
    """`quantize` with units that have been chosen."""
    new = {}
    if plan.units is not None:
        new = whole_nodes(plan.schedule, plan.nodes, plan.target, plan.gains, plan.units)
    result = rebuild_graph(graph, new)
    result.metadata = dict(result.metadata or {})
    result.metadata[DISCRETIZATION_KEY] = plan.target.to_json()
    scales = _scales(plan)
    result.metadata[SCALES_KEY] = json.dumps(scales, sort_keys=True)
    schedule, nodes = build_schedule(result, plan.target)
    prepared = BACKEND.prepare(result, plan.target)  # refuses what is not whole or not in range
    run = None if inputs is None else prepared(inputs, None, _states(plan))
    return Quantization(
        graph=result,
        discretization=plan.target,
        report=report_of(plan, schedule, nodes, run),
        outputs={name: scales.get(name, {}).get("output", 1.0) for name, _ in schedule.outputs},
        taken=plan.units is None,
    )


def _states(plan: Plan) -> list[str]:
    return [f"{place.name}.v" for place in plan.schedule.nodes if place.neuron]


def _scales(plan: Plan) -> dict[str, dict[str, Any]]:
    """For each node the factors between its numbers and the float graph's."""
    found: dict[str, dict[str, Any]] = {}
    if plan.units is None:
        return found
    for position, place in enumerate(plan.schedule.nodes):
        if position in plan.units.neurons:
            own = plan.units.neurons[position]
            found[place.name] = {"membrane": _plain(own.membrane)}
            if plan.gains[position].decay_syn is not None:
                found[place.name]["synapse"] = _plain(own.synapse)
        elif place.type_name in WEIGHTED or place.type_name in ("Input", "Output"):
            found[place.name] = {"output": _plain(plan.units.leaving[position])}
    return found


def _plain(unit: np.ndarray) -> Any:
    """A number where all are equal, else a list."""
    return one_if_alike(unit).tolist()
