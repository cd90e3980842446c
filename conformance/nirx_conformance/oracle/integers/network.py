"""The time loop of integers: every node once per step, one sample after the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import nir

from nirx_conformance.oracle.inlining import Edge, Path, path_text
from nirx_conformance.oracle.integers.node import IntegerNode, State
from nirx_conformance.oracle.integers.node_types import INTEGER_KINDS
from nirx_conformance.oracle.integers.numbers import Ints, flat, nest, plain, shape_of, shift, whole
from nirx_conformance.oracle.node import Shape
from nirx_conformance.oracle.node_types import KINDS
from nirx_conformance.oracle.state_tree import state_tree
from nirx_conformance.oracle.structure import Structure


@dataclass(frozen=True)
class IntegerResult:
    """What a graph computed, as nested lists of ints.

    Arguments:
        outputs: by Output name, [time, *batch, *features].
        recordings: by path text, every node's output; by path text + "." + name, every state
            of a neuron after each step: v, i, v_overflows, i_overflows.
        state: the state tree after the last step; leaves are [*batch, *features].
    """

    outputs: dict[str, Any]
    recordings: dict[str, Any]
    state: dict[str, Any]


@dataclass
class Sample:
    """One sample on its way through time."""

    states: dict[Path, State]
    carried: dict[Edge, Ints]
    logs: dict[str, list[Ints]] = field(default_factory=dict)


def run(
    graph: nir.NIRGraph, discretization: Any, inputs: Any, arithmetic: Any = None
) -> IntegerResult:
    """Run a graph of whole numbers from its initial state.

    Arguments:
        graph: must be valid, and its numbers in range; neither is checked.
        discretization: a `nirx.Discretization`.
        inputs: [time, *batch, *features] of whole numbers, or such an array by outermost Input.
        arithmetic: of all nodes; by default what `discretization.at(path)` has for each.

    **Raises**: `ValueError` for a parameter or a gain that is no whole number.
    """
    network = Network(graph, discretization, arithmetic)
    given = network.inputs_by_path(inputs)
    first = next(iter(given))
    time, *rest = shape_of(given[first])
    batch = tuple(rest[: len(rest) - len(network.shapes[first])])
    return network.run({path: plain(own) for path, own in given.items()}, time, batch)


class Network(Structure[IntegerNode]):
    """A flat graph with its execution order and late edges."""

    def __init__(self, graph: nir.NIRGraph, discretization: Any, arithmetic: Any):
        self.discretization = discretization

        def make(path: Path, node: Any, shape: Shape) -> IntegerNode:
            rule = discretization.at(path)
            own = arithmetic or rule.arithmetic
            output_shape = KINDS[type(node)].output_shape(node, shape)
            return INTEGER_KINDS[type(node)](node, rule, own, shape, output_shape)

        super().__init__(graph, make, every_neuron=discretization.feedback == "component")

    def inputs_by_path(self, inputs: Any) -> dict[Path, Any]:
        """The caller's arrays, by the path of their Input."""
        if not isinstance(inputs, Mapping):
            (only,) = self.inputs
            return {only: inputs}
        assert {(name,) for name in inputs} == set(self.inputs), "one array per Input"
        return {(name,): array for name, array in inputs.items()}

    def run(self, given: dict[Path, Any], time: int, batch: Shape) -> IntegerResult:
        samples = [self._start() for _ in range(math.prod(batch))]
        entering = {path: self._entering(path, values) for path, values in given.items()}
        for t in range(time):
            for b, sample in enumerate(samples):
                at = t * len(samples) + b
                now = {
                    path: values[at * self.nodes[path].size : (at + 1) * self.nodes[path].size]
                    for path, values in entering.items()
                }
                self._step(sample, now)
        recordings = {
            text: nest(
                [n for t in range(time) for s in samples for n in s.logs[text][t]],
                (time, *batch, *shape),
            )
            for text, shape in self._recorded().items()
        }
        outputs = {path[0]: recordings[path_text(path)] for path in self.outputs}
        return IntegerResult(outputs, recordings, self._state(samples, batch))

    def _entering(self, path: Path, values: Any) -> Ints:
        up = self.nodes[path].arithmetic.input_shift
        return [shift(whole(value, "an input"), up) for value in flat(values)]

    def _recorded(self) -> dict[str, Shape]:
        """The features of everything that is recorded."""
        shapes: dict[str, Shape] = {}
        for path, node in self.nodes.items():
            shapes[path_text(path)] = self.output_shapes[path]
            for name in node.start() if node.neuron else ():
                shapes[f"{path_text(path)}.{name}"] = node.shape
        return shapes

    def _start(self) -> Sample:
        states = {path: node.start() for path, node in self.nodes.items()}
        return Sample(states, self._before_the_first_step())

    def _step(self, sample: Sample, now: dict[Path, Ints]) -> None:
        """One step of one sample, recorded."""
        values: dict[Path, Ints] = {}

        def fan_in(path: Path) -> Ints:
            if path in now:
                return now[path]
            terms = [
                sample.carried[a, path] if (a, path) in self.late else values[a]
                for a in self.sources[path]
            ]
            return [sum(each) for each in zip(*terms, strict=True)]

        for path in self.order:
            node = self.nodes[path]
            if node.breaks_cycles:
                # Its input may not be known yet, and does not affect its output.
                values[path] = node.step([0] * node.size, sample.states[path]).y
            else:
                values[path], sample.states[path] = node.step(fan_in(path), sample.states[path])
        for path, node in self.nodes.items():
            if node.breaks_cycles:
                sample.states[path] = node.step(fan_in(path), sample.states[path]).state
        sample.carried = {(a, b): values[a] for a, b in sorted(self.late)}
        for path, node in self.nodes.items():
            sample.logs.setdefault(path_text(path), []).append(values[path])
            for name, value in sample.states[path].items() if node.neuron else ():
                sample.logs.setdefault(f"{path_text(path)}.{name}", []).append(value)

    def _before_the_first_step(self) -> dict[Edge, Ints]:
        """What late edges carry in the first step: the value of their source in silence."""
        silent: dict[Path, Ints] = {}
        for path in self.order:
            node = self.nodes[path]
            if node.neuron or node.breaks_cycles or path in self.inputs:
                silent[path] = [0] * math.prod(self.output_shapes[path])
                continue
            terms = [silent[a] for a in self.sources[path] if (a, path) not in self.late]
            x = [sum(each) for each in zip([0] * node.size, *terms, strict=True)]
            silent[path] = node.step(x, node.start()).y
        zero = self.discretization.feedback_initial == "zero"
        late = sorted(self.late)
        return {(a, b): [0] * len(silent[a]) if zero else silent[a] for a, b in late}

    def _state(self, samples: list[Sample], batch: Shape) -> dict[str, Any]:
        def join(values: list[Ints], shape: Shape) -> Any:
            return nest([n for own in values for n in own], (*batch, *shape))

        states = {
            path: {
                name: join([s.states[path][name] for s in samples], node.state_shape(name))
                for name in node.start()
            }
            for path, node in self.nodes.items()
        }
        carried = {
            edge: join([s.carried[edge] for s in samples], self.output_shapes[edge[0]])
            for edge in sorted(self.late)
        }
        return state_tree(states, carried)
