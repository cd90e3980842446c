"""Mutants of the connections: fan-in, feedback, ports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nir
import numpy as np

from nirx import Schedule
from nirx.dynamics.ops import Array
from nirx.execution.execute import Executor
from nirx.graphs.schedule import Segment, Source
from nirx_conformance.mutants.mutant import on_executor, on_graph, on_run, on_schedule

Sources = tuple[Source, ...]


def _with_sources(schedule: Schedule, change: Any) -> Schedule:
    nodes = tuple(replace(node, sources=change(node.sources)) for node in schedule.nodes)
    return replace(schedule, nodes=nodes)


@on_schedule
def fan_in_reversed(schedule: Schedule) -> Schedule:
    """The inputs of a node are summed in the opposite order."""
    return _with_sources(schedule, lambda sources: sources[::-1])


@on_schedule
def fan_in_without_its_last(schedule: Schedule) -> Schedule:
    """The last of several sources is dropped."""
    return _with_sources(schedule, lambda sources: sources[:-1] if len(sources) > 1 else sources)


@on_schedule
def feedback_dropped(schedule: Schedule) -> Schedule:
    """Feedback edges are left out."""

    def change(sources: Sources) -> Sources:
        now = tuple(source for source in sources if not source.late)
        return now or sources

    return _with_sources(schedule, change)


@on_graph
def double_edge_counted_once(graph: nir.NIRGraph) -> None:
    """A duplicated edge counts once."""
    graph.edges = list(dict.fromkeys(map(tuple, graph.edges)))  # type: ignore[assignment]


@on_graph
def ports_of_subgraphs_swapped(graph: nir.NIRGraph) -> None:
    """The Inputs of a subgraph are connected in reverse order."""

    def turned(target: str) -> str:
        name, dot, port = target.rpartition(".")
        sub = graph.nodes.get(name)
        if not dot or target in graph.nodes or not isinstance(sub, nir.NIRGraph):
            return target
        ports = [key for key, node in sub.nodes.items() if isinstance(node, nir.Input)]
        return f"{name}.{ports[len(ports) - 1 - ports.index(port)]}" if port in ports else target

    graph.edges = [(source, turned(target)) for source, target in graph.edges]


@on_executor
class FeedbackWithoutDelay(Executor):
    """A cycle is evaluated twice per step, so that feedback arrives in the same step."""

    def _walk(self, segment: Segment, values: Any, states: Any, coefficients: Any) -> Any:
        first = super()._walk(segment, dict(values), states, coefficients)
        now = [(own, late) for (own, _), (_, late) in zip(states, first, strict=True)]
        return super()._walk(segment, values, now, coefficients)


@on_executor
class FeedbackTwoStepsLate(Executor):
    """Feedback arrives two steps late instead of one."""

    def _start(self, state: Any, batch: Any, coefficients: Any) -> Any:
        self.held: dict[int, list[dict[str, Array]]] = {}
        return super()._start(state, batch, coefficients)

    def _walk(self, segment: Segment, values: Any, states: Any, coefficients: Any) -> Any:
        new = super()._walk(segment, values, states, coefficients)
        held = self.held.get(segment.start, [late for _, late in states])
        self.held[segment.start] = [late for _, late in new]
        return [(own, late) for (own, _), late in zip(new, held, strict=True)]


@on_run
def outputs_exchanged(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """Several outputs of one shape are returned under each other's names."""
    outputs, last, recordings = run(inputs, state, record)
    if isinstance(outputs, dict):
        outputs = dict(zip(outputs, list(outputs.values())[::-1], strict=True))
    return outputs, last, recordings


@on_run
def inputs_exchanged(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """Several inputs of one shape are passed in under each other's names."""
    if isinstance(inputs, dict):
        inputs = dict(zip(inputs, list(inputs.values())[::-1], strict=True))
    return run(inputs, state, record)


@on_run
def output_of_zeros(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """A single output is replaced by zeros."""
    outputs, last, recordings = run(inputs, state, record)
    if not isinstance(outputs, dict):
        outputs = np.zeros_like(outputs)
    return outputs, last, recordings
