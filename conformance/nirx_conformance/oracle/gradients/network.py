"""Backpropagation through time: the time loop of the oracle, backwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import nir
import numpy as np
from numpy.typing import ArrayLike

from nirx.dynamics.discretization import Discretization
from nirx_conformance.oracle.gradients.choice import Choice
from nirx_conformance.oracle.gradients.node import NodeGradient, Spiking, added, zeros_like
from nirx_conformance.oracle.gradients.node_types import GRADIENTS, Kinds
from nirx_conformance.oracle.gradients.sharing import shared_groups
from nirx_conformance.oracle.gradients.state import States, from_tree, zero_states
from nirx_conformance.oracle.inlining import Edge, Path, path_text
from nirx_conformance.oracle.network import Network
from nirx_conformance.oracle.node import Array, Shape, State
from nirx_conformance.oracle.state_tree import state_tree

Carried = dict[Edge, Array]


class Cotangents(NamedTuple):
    """The gradients of a run's results, in the form of those results; None is zeros.

    Arguments:
        outputs: [time, *batch, *features], or a dict of such arrays by Output.
        state: the tree of the state after the last step.
        recordings: by key: a node's path for its output, path.v and path.i for its state.
    """

    outputs: Any = None
    state: Any = None
    recordings: Mapping[str, Array] | None = None


class Gradients(NamedTuple):
    """What a run depends on, in the form in which it was given.

    Arguments:
        parameters: by path.parameter. Nodes that share a module each have the gradient of its
            parameter, which is the sum over all of them.
        inputs: by Input.
        state: of the state that the run started from; None if it had none.
    """

    parameters: dict[str, Array]
    inputs: dict[str, Array]
    state: dict[str, Any] | None


class Moment(NamedTuple):
    """What one step took and gave."""

    now: dict[Path, Array]
    states: States
    carried: Carried
    values: dict[Path, Array]


class Backward:
    """A flat graph, backwards.

    Arguments:
        choice: how gradients pass the spikes of its nodes.
        kinds: the class of the gradient for each class of the oracle.
    """

    def __init__(
        self,
        graph: nir.NIRGraph,
        discretization: Discretization,
        choice: Choice,
        kinds: Kinds = GRADIENTS,
    ):
        self.network, self.choice = Network(graph, discretization), choice
        self.nodes: dict[Path, NodeGradient] = {
            path: kinds[type(node)](node, self.spiking(path))
            for path, node in self.network.nodes.items()
        }
        self.parameters: dict[Path, dict[str, Array]] = {}
        self.margins: dict[str, list[Array]] = {}

    def spiking(self, path: Path) -> Spiking:
        """How gradients pass the spikes of a node."""
        return self.choice.at(path_text(path), self.network.nodes[path].node)

    def run(
        self,
        inputs: ArrayLike | Mapping[str, ArrayLike],
        cotangents: Cotangents,
        start: Mapping[str, Any] | None = None,
    ) -> Gradients:
        """Run forwards, then backwards."""
        network = self.network
        given = network.inputs_by_path(inputs)
        first = next(iter(given))
        batch = given[first].shape[1 : given[first].ndim - len(network.shapes[first])]
        self.parameters = {
            path: {name: np.zeros(node.numbers(name).shape) for name in node.names}
            for path, node in self.nodes.items()
        }
        self.margins = {}
        tape, states, carried = self.forwards(given, len(given[first]), batch, start)
        to_inputs = {path: np.zeros_like(array) for path, array in given.items()}
        to_states, to_carried = zero_states(states), {e: 0 * v for e, v in carried.items()}
        if cotangents.state is not None:
            to_states, to_carried = from_tree(network, cotangents.state)
        for t, moment in reversed(list(enumerate(tape))):
            to_values = self.to_values(moment, cotangents, t)
            self.to_recorded_states(to_states, cotangents, t)
            for (a, _), to_late in to_carried.items():
                to_values[a] = to_values[a] + to_late
            to_carried = {edge: np.zeros_like(v) for edge, v in moment.carried.items()}
            self.step(moment, to_values, to_states, to_carried, batch)
            for path in given:
                to_inputs[path][t] = to_values[path]
        if start is None:
            self.before_the_first_step(to_states, to_carried, batch)
        return Gradients(
            self.by_name(),
            {path[0]: array for path, array in to_inputs.items()},
            None if start is None else state_tree(to_states, to_carried),
        )

    def forwards(
        self, given: dict[Path, Array], steps: int, batch: Shape, start: Any
    ) -> tuple[list[Moment], States, Carried]:
        """Every step, and the last states and values on late edges."""
        network = self.network
        if start is None:
            states = {path: node.start(batch) for path, node in network.nodes.items()}
            carried = network.before_the_first_step(batch)
        else:
            states, carried = from_tree(network, start)
        tape = []
        for t in range(steps):
            now, before = {path: array[t] for path, array in given.items()}, dict(states)
            values = network.step(now, states, carried, self.margins, batch)
            tape.append(Moment(now, before, carried, values))
            carried = network.carried_on(values)
        return tape, states, carried

    def to_values(self, moment: Moment, cotangents: Cotangents, t: int) -> dict[Path, Array]:
        """The gradients of every node's output that the results alone give."""
        found = {path: np.zeros_like(value) for path, value in moment.values.items()}
        outputs, recordings = cotangents.outputs, cotangents.recordings or {}
        if outputs is not None and not isinstance(outputs, Mapping):
            outputs = {self.network.outputs[0][0]: outputs}
        for path in found:
            if path_text(path) in recordings:
                found[path] = found[path] + recordings[path_text(path)][t]
            if outputs is not None and path in self.network.outputs:
                found[path] = found[path] + outputs[path[0]][t]
        return found

    def to_recorded_states(self, to_states: States, cotangents: Cotangents, t: int) -> None:
        """Add the gradients of the states recorded after a step."""
        recordings = cotangents.recordings or {}
        for path, state in to_states.items():
            keys = {name: f"{path_text(path)}.{name}" for name in state}
            to_states[path] = {
                name: value + recordings[keys[name]][t] if keys[name] in recordings else value
                for name, value in state.items()
            }

    def step(
        self,
        moment: Moment,
        to_values: dict[Path, Array],
        to_states: States,
        to_carried: Carried,
        batch: Shape,
    ) -> None:
        """One step backwards: `to_states` moves back, the other gradients grow."""
        network = self.network
        now, states, carried, values = moment

        def pull(path: Path, x: Array, to_y: Array, to_state: State) -> State:
            found = self.nodes[path].pull(x, states[path], to_y, to_state)
            self.parameters[path] = added(self.parameters[path], found.parameters)
            self.to_sources(path, found.x, to_values, to_carried)
            return found.state

        # A Delay that breaks cycles reads its input last, and its output does not depend on it.
        for path, node in network.nodes.items():
            if node.breaks_cycles:
                x = network.fan_in(path, now, values, carried)
                to_states[path] = pull(path, x, np.zeros_like(x), to_states[path])
        for path in reversed(network.order):
            if path in now:
                continue
            if network.nodes[path].breaks_cycles:
                nothing = np.zeros((*batch, *network.shapes[path]))
                read = self.nodes[path].pull(
                    nothing, states[path], to_values[path], zeros_like(states[path])
                )
                to_states[path] = added(to_states[path], read.state)
            else:
                x = network.fan_in(path, now, values, carried)
                to_states[path] = pull(path, x, to_values[path], to_states[path])

    def to_sources(
        self, path: Path, to_x: Array, to_values: dict[Path, Array], to_carried: Carried
    ) -> None:
        """Add the gradient of an input to those of its sources; a double edge counts twice."""
        for source in self.network.sources[path]:
            if (source, path) in self.network.late:
                to_carried[source, path] = to_carried[source, path] + to_x
            else:
                to_values[source] = to_values[source] + to_x

    def before_the_first_step(self, to_states: States, to_carried: Carried, batch: Shape) -> None:
        """Add the gradients of the parameters that the initial state comes from."""
        for path, node in self.nodes.items():
            if "v" in to_states[path]:
                terms = node.summed(node.first_v(to_states[path]["v"]))
                self.parameters[path] = added(self.parameters[path], terms)
        network = self.network
        if network.discretization.feedback_initial == "zero":
            return
        silent = network.in_silence(batch)
        to_silent = {path: np.zeros_like(value) for path, value in silent.items()}
        for (a, _), to_late in to_carried.items():
            to_silent[a] = to_silent[a] + to_late
        for path in reversed(network.order):
            if network.is_quiet(path):
                continue
            state, x = network.nodes[path].start(batch), network.silent_input(path, silent, batch)
            found = self.nodes[path].pull(x, state, to_silent[path], zeros_like(state))
            self.parameters[path] = added(self.parameters[path], found.parameters)
            for source in network.sources[path]:
                if (source, path) not in network.late:
                    to_silent[source] = to_silent[source] + found.x

    def by_name(self) -> dict[str, Array]:
        """The gradients of all parameters, summed over the nodes that share them."""
        for group in shared_groups(self.network.nodes):
            total = self.of_shared([self.parameters[path] for path in group])
            self.parameters.update(dict.fromkeys(group, total))
        return {
            f"{path_text(path)}.{name}": value
            for path, own in self.parameters.items()
            for name, value in own.items()
        }

    def of_shared(self, parts: list[dict[str, Array]]) -> dict[str, Array]:
        """The gradient of parameters that several nodes share."""
        return added(*parts)
