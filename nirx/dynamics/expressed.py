"""The dynamics of `Neuron`: its expression, evaluated by `Ops`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nirx.dynamics.base import Arrays, Dynamics, Elementwise
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.parameters import NodeMismatch, numeric, parameter
from nirx.dynamics.program import INPUT, OUTPUT, PARAMETER, STATE, Program, require_names

__all__ = ["ExpressedNeuron"]


@dataclass(frozen=True, eq=False, repr=False)
class _Start:
    """The initial values of a node's states; read only."""

    arrays: dict[str, np.ndarray]


@dataclass(frozen=True)
class ExpressedNeuron(Elementwise):
    """A neuron whose step is data. Its time constants count steps: no dt takes part.

    Arguments:
        program: the expression of its step.
        start: what its states hold before the first step.
    """

    program: Program = None  # type: ignore[assignment]  # always given by `build`
    start: _Start = field(default=None, repr=False)  # type: ignore[assignment]

    neuron = True
    uses_dt = False

    @property
    def parameters(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.program.parameters

    @property
    def spiking(self) -> bool:  # type: ignore[override]
        return self.program.gives_spikes

    @property
    def binary_output(self) -> bool:  # type: ignore[override]
        return self.program.gives_spikes

    @classmethod
    def parameter_names(cls, node: Neuron) -> tuple[str, ...]:
        if not isinstance(node.parameters, dict) or not isinstance(node.initial, dict):
            raise NodeMismatch("parameters or initial is no dict", "arrays by name")
        require_names(tuple(node.parameters), "parameters")
        return tuple(sorted(node.parameters))

    @classmethod
    def check(cls, node: Neuron) -> None:
        if not isinstance(node.step, Program):
            raise NodeMismatch(
                f"step is a {type(node.step).__name__}", "a step that nirx.neuron made"
            )
        node.step.check(tuple(node.parameters))
        if set(node.initial) != set(node.step.states):
            found = ", ".join(sorted(map(str, node.initial))) or "none"
            expected = ", ".join(sorted(node.step.states)) or "none"
            raise NodeMismatch(f"it has initial values of {found}", f"of {expected}")
        for name in node.step.states:
            value = _initial(node, name)
            if not np.isfinite(value).all():
                raise NodeMismatch(f"the initial value of {name} is not finite", "finite numbers")
        cls.declared_shapes(node)

    @classmethod
    def own_shapes(cls, node: Neuron) -> dict[str, Shape]:
        own = {name: parameter(node, name).shape for name in cls.parameter_names(node)}
        states = node.step.states if isinstance(node.step, Program) else ()
        if not isinstance(states, tuple):
            return own  # `check` refuses it
        return {**own, **{name: _initial(node, name).shape for name in states}}

    @classmethod
    def build(
        cls, node: Neuron, rule: Discretization, input_shape: Shape, output_shape: Shape
    ) -> Dynamics:
        start = _Start({name: np.array(_initial(node, name)) for name in node.step.states})
        return cls(rule, input_shape, output_shape, node.step, start)

    def state_shapes(self) -> dict[str, Shape]:
        return dict.fromkeys(self.program.states, self.output_shape)

    def initial_state(self, ops: Ops, p: Arrays, batch: Shape) -> dict[str, Array]:
        zeros = super().initial_state(ops, p, batch)
        # 0 + value has the batch axes.
        return {k: ops.add(zero, ops.constant(self.start.arrays[k])) for k, zero in zeros.items()}

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        inputs = {PARAMETER + name: value for name, value in p.items()}
        values = self.program.computed(ops, self.program.once, {}, inputs)
        return {f"t{position}": values[position] for position in self.program.coefficients}

    def step(self, ops: Ops, c: Arrays, x: Array, s: Arrays) -> tuple[Array, dict[str, Array]]:
        inputs = {INPUT: x, **{STATE + name: s[name] for name in self.program.states}}
        known = {int(name[1:]): value for name, value in c.items()}
        values = self.program.computed(ops, self.program.every_step, known, inputs)
        results = self.program.expression.results
        found = {name: values[position] for name, position in results.items()}
        for name in self.program.same_everywhere:
            # The mask is 0 everywhere; it gives the value the axes of the batch.
            found[name] = ops.select(ops.greater(x, x), x, found[name])
        return found[OUTPUT], {name: found[STATE + name] for name in self.program.states}


def _initial(node: Neuron, name: str) -> np.ndarray:
    """**Raises**: `NodeMismatch`."""
    return numeric(node.initial.get(name), f"the initial value of {name}")
