"""The time loop: every node once per step, in an order in which its inputs come first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np
from numpy.typing import ArrayLike

from nirx.dynamics.discretization import Discretization
from nirx_conformance.oracle.inlining import Edge, Path, path_text
from nirx_conformance.oracle.node import Array, OracleNode, Shape, State
from nirx_conformance.oracle.node_types import KINDS
from nirx_conformance.oracle.state_tree import state_tree
from nirx_conformance.oracle.structure import Structure


@dataclass(frozen=True)
class OracleResult:
    """What a graph computed.

    Arguments:
        outputs: by Output name, [time, *batch, *features].
        recordings: by path text, every node's output; by path text + ".v" or ".i", every
            neuron's state after each step.
        state: the state tree after the last step.
        margins: by path text, for every node that decides on spikes: the distance of each
            element from its nearest decision; within rounding, either answer is right.
    """

    outputs: dict[str, Array]
    recordings: dict[str, Array]
    state: dict[str, Any]
    margins: dict[str, Array]


def run(
    graph: nir.NIRGraph,
    discretization: Discretization,
    inputs: ArrayLike | Mapping[str, ArrayLike],
) -> OracleResult:
    """Run a graph from its initial state.

    Arguments:
        graph: must be valid; it is not checked.
        inputs: [time, *batch, *features], or one such array per outermost Input.
    """
    network = Network(graph, discretization)
    given = network.inputs_by_path(inputs)
    first = next(iter(given))
    steps = given[first].shape[0]
    batch = given[first].shape[1 : given[first].ndim - len(network.shapes[first])]
    with np.errstate(invalid="ignore", over="ignore"):  # infinity and NaN propagate
        return network.run(given, steps, batch)


class Network(Structure[OracleNode]):
    """A flat graph with its execution order and late edges."""

    def __init__(self, graph: nir.NIRGraph, discretization: Discretization):
        self.discretization = discretization

        def make(path: Path, node: Any, shape: Shape) -> OracleNode:
            return KINDS[type(node)](node, discretization.at(path), shape)

        super().__init__(graph, make, every_neuron=discretization.feedback == "component")

    def inputs_by_path(self, inputs: ArrayLike | Mapping[str, ArrayLike]) -> dict[Path, Array]:
        """The caller's arrays in float64, by the path of their Input."""
        if not isinstance(inputs, Mapping):
            (only,) = self.inputs
            return {only: np.asarray(inputs, np.float64)}
        assert {(name,) for name in inputs} == set(self.inputs), "one array per Input"
        return {(name,): np.asarray(array, np.float64) for name, array in inputs.items()}

    def run(self, given: dict[Path, Array], steps: int, batch: Shape) -> OracleResult:
        states = {path: node.start(batch) for path, node in self.nodes.items()}
        carried = self.before_the_first_step(batch)
        logs: dict[str, list[Array]] = {}
        margins: dict[str, list[Array]] = {}
        for t in range(steps):
            now = {path: array[t] for path, array in given.items()}
            values = self.step(now, states, carried, margins, batch)
            for path, value in values.items():
                logs.setdefault(path_text(path), []).append(value)
            for path, node in self.nodes.items():
                for name, value in states[path].items() if node.neuron else ():
                    logs.setdefault(f"{path_text(path)}.{name}", []).append(value)
            carried = self.carried_on(values)
        recordings = {key: np.stack(log) for key, log in logs.items()}
        empty = {p: np.zeros((0, *batch, *self.output_shapes[p])) for p in self.outputs}
        return OracleResult(
            {p[0]: recordings.get(path_text(p), empty[p]) for p in self.outputs},
            recordings,
            state_tree(states, carried),
            {key: np.stack(log) for key, log in margins.items()},
        )

    def carried_on(self, values: dict[Path, Array]) -> dict[Edge, Array]:
        """What late edges carry into the next step."""
        return {(a, b): values[a] for a, b in sorted(self.late)}

    def fan_in(
        self,
        path: Path,
        now: dict[Path, Array],
        values: dict[Path, Array],
        carried: dict[Edge, Array],
    ) -> Array:
        """The input of a node: the caller's, or the sum of its sources."""
        if path in now:
            return now[path]
        late = self.late
        terms = [carried[a, path] if (a, path) in late else values[a] for a in self.sources[path]]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def step(
        self,
        now: dict[Path, Array],
        states: dict[Path, State],
        carried: dict[Edge, Array],
        margins: dict[str, list[Array]],
        batch: Shape,
    ) -> dict[Path, Array]:
        """The output of every node; `states` moves on, `margins` grows."""
        values: dict[Path, Array] = {}
        for path in self.order:
            node = self.nodes[path]
            if node.breaks_cycles:
                # Its input may not be known yet, and does not affect its output.
                nothing = np.zeros((*batch, *self.shapes[path]))
                values[path] = node.step(nothing, states[path]).y
            else:
                x = self.fan_in(path, now, values, carried)
                values[path], states[path], margin = node.step(x, states[path])
                if margin is not None:
                    margins.setdefault(path_text(path), []).append(margin)
        for path, node in self.nodes.items():
            if node.breaks_cycles:
                x = self.fan_in(path, now, values, carried)
                states[path] = node.step(x, states[path]).state
        return values

    def before_the_first_step(self, batch: Shape) -> dict[Edge, Array]:
        """What late edges carry in the first step: the value of their source in silence.

        In silence every neuron, Input and late edge is zero and every Delay holds zeros (an
        element of 0 steps still passes its input through).
        """
        silent = self.in_silence(batch)
        zero = self.discretization.feedback_initial == "zero"
        late = sorted(self.late)
        return {(a, b): np.zeros_like(silent[a]) if zero else silent[a] for a, b in late}

    def in_silence(self, batch: Shape) -> dict[Path, Array]:
        """The output of every node in silence."""
        silent: dict[Path, Array] = {}
        for path in self.order:
            if self.is_quiet(path):
                silent[path] = np.zeros((*batch, *self.output_shapes[path]))
            else:
                node = self.nodes[path]
                silent[path] = node.step(
                    self.silent_input(path, silent, batch), node.start(batch)
                ).y
        return silent

    def is_quiet(self, path: Path) -> bool:
        """Whether a node is zero in silence whatever its input is."""
        node = self.nodes[path]
        return node.neuron or node.breaks_cycles or path in self.inputs

    def silent_input(self, path: Path, silent: dict[Path, Array], batch: Shape) -> Array:
        """The input of a node in silence."""
        x = np.zeros((*batch, *self.shapes[path]))
        for source in self.sources[path]:
            x = x if (source, path) in self.late else x + silent[source]
        return x
