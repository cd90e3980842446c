"""Mutants of how gradients flow: through edges, through time, from results, into parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.graphs.state import map_tree
from nirx_conformance.mutants.gradient_mutant import on_backward, on_gradients
from nirx_conformance.oracle.gradients import Backward, Cotangents, Gradients
from nirx_conformance.oracle.gradients.network import Carried, Moment
from nirx_conformance.oracle.gradients.node import zeros_like
from nirx_conformance.oracle.gradients.state import States
from nirx_conformance.oracle.inlining import Path
from nirx_conformance.oracle.node import Array, Shape

Values = dict[Path, Array]


@on_backward
class LateEdgeDropped(Backward):
    """No gradient passes a feedback edge."""

    def to_sources(self, path: Path, to_x: Array, to_values: Values, to_carried: Carried) -> None:
        super().to_sources(path, to_x, to_values, dict(to_carried))


@on_backward
class LateEdgeInTheSameStep(Backward):
    """A feedback edge passes its gradient to its source in the same step."""

    def to_sources(self, path: Path, to_x: Array, to_values: Values, to_carried: Carried) -> None:
        for source in self.network.sources[path]:
            to_values[source] = to_values[source] + to_x


@on_backward
class SecondEdgeDropped(Backward):
    """Of several edges into a node, only the first passes a gradient."""

    def to_sources(self, path: Path, to_x: Array, to_values: Values, to_carried: Carried) -> None:
        every, kept = self.network.sources[path], self.network.sources
        kept[path] = every[:1]
        super().to_sources(path, to_x, to_values, to_carried)
        kept[path] = every


@on_backward
class DoubleEdgeCountedOnceBackwards(Backward):
    """A duplicated edge passes its gradient once."""

    def to_sources(self, path: Path, to_x: Array, to_values: Values, to_carried: Carried) -> None:
        every, kept = self.network.sources[path], self.network.sources
        kept[path] = list(dict.fromkeys(every))
        super().to_sources(path, to_x, to_values, to_carried)
        kept[path] = every


@on_backward
class CutBetweenSteps(Backward):
    """No gradient passes from a state to the step before."""

    def step(
        self,
        moment: Moment,
        to_values: Values,
        to_states: States,
        to_carried: Carried,
        batch: Shape,
    ) -> None:
        super().step(moment, to_values, to_states, to_carried, batch)
        for path, state in to_states.items():
            to_states[path] = zeros_like(state)


@on_backward
class SilenceConstant(Backward):
    """What feedback edges carry in the first step gives the parameters no gradient."""

    def before_the_first_step(self, to_states: States, to_carried: Carried, batch: Shape) -> None:
        nothing = {edge: np.zeros_like(value) for edge, value in to_carried.items()}
        super().before_the_first_step(to_states, nothing, batch)


@on_backward
class SharedCountedOnce(Backward):
    """The gradient of a module that is called twice is that of its first call."""

    def of_shared(self, parts: list[dict[str, Array]]) -> dict[str, Array]:
        return parts[0]


@on_backward
class MeanOfTheBatch(Backward):
    """The gradients of parameters are means over the batch, not sums."""

    def before_the_first_step(self, to_states: States, to_carried: Carried, batch: Shape) -> None:
        super().before_the_first_step(to_states, to_carried, batch)
        size = max(1, int(np.prod(batch)))
        for path, own in self.parameters.items():
            self.parameters[path] = {name: value / size for name, value in own.items()}


@on_gradients
def initial_state_constant(run: Any, inputs: Any, cotangents: Cotangents, state: Any) -> Any:
    """The state that a run starts from gets no gradient."""
    found: Gradients = run(inputs, cotangents, state)
    return found._replace(state=map_tree(np.zeros_like, found.state))


@on_gradients
def last_state_constant(run: Any, inputs: Any, cotangents: Cotangents, state: Any) -> Any:
    """The returned state passes no gradient back."""
    return run(inputs, cotangents._replace(state=None), state)


@on_gradients
def recordings_constant(run: Any, inputs: Any, cotangents: Cotangents, state: Any) -> Any:
    """Recordings pass no gradient back."""
    return run(inputs, cotangents._replace(recordings=None), state)


@on_gradients
def last_step_dropped(run: Any, inputs: Any, cotangents: Cotangents, state: Any) -> Any:
    """The outputs of the last step pass no gradient back."""

    def cut(weights: Array) -> Array:
        return np.concatenate([weights[:-1], np.zeros_like(weights[-1:])])

    return run(inputs, cotangents._replace(outputs=map_tree(cut, cotangents.outputs)), state)


@on_gradients
def input_one_step_late(run: Any, inputs: Any, cotangents: Cotangents, state: Any) -> Any:
    """The gradient of the input is shifted by one step."""
    found: Gradients = run(inputs, cotangents, state)
    return found._replace(inputs={k: np.roll(v, 1, axis=0) for k, v in found.inputs.items()})


@on_gradients
def gradients_of_inputs_exchanged(run: Any, inputs: Any, cotangents: Cotangents, state: Any) -> Any:
    """The gradients of several Inputs of one shape come under each other's names."""
    found: Gradients = run(inputs, cotangents, state)
    turned = dict(zip(found.inputs, list(found.inputs.values())[::-1], strict=True))
    return found._replace(inputs=turned)


@on_gradients
def gradients_in_float32(run: Any, inputs: Any, cotangents: Cotangents, state: Any) -> Any:
    """The gradients are rounded to float32."""
    found = run(inputs, cotangents, state)
    return map_tree(lambda a: a.astype(np.float32).astype(np.float64), found)
