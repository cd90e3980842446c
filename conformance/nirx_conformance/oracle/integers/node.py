"""`IntegerNode`: the interface of every node of the oracle of integers to the time loop."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from nirx_conformance.oracle.integers.arithmetic import Arithmetic
from nirx_conformance.oracle.integers.numbers import Ints, spread, whole
from nirx_conformance.oracle.node import Shape

State = dict[str, Ints]


class Step(NamedTuple):
    """The output and the new state."""

    y: Ints
    state: State


class IntegerNode:
    """One node of the flat graph, for one sample.

    Arguments:
        node: the NIR node.
        rule: the choices of `Discretization` that apply to this node.
        arithmetic: the arithmetic of this node.
        shape: features of its input.
        output_shape: features of its output.
    """

    neuron: ClassVar[bool] = False

    def __init__(
        self, node: Any, rule: Any, arithmetic: Arithmetic, shape: Shape, output_shape: Shape
    ):
        self.node, self.rule, self.arithmetic = node, rule, arithmetic
        self.shape, self.output_shape = shape, output_shape
        self.size = len(spread(0, shape))

    @property
    def breaks_cycles(self) -> bool:
        """Whether the output depends on earlier steps only (a Delay of whole steps)."""
        return False

    def start(self) -> State:
        """The state before the first step."""
        return {}

    def state_shape(self, name: str) -> Shape:
        """The shape of a state variable."""
        return self.shape

    def step(self, x: Ints, state: State) -> Step:
        """One step."""
        raise NotImplementedError

    def each(self, name: str) -> list[float]:
        """A parameter, one number per feature of the input."""
        return spread(getattr(self.node, name), self.shape)

    def whole_each(self, name: str) -> Ints:
        """A parameter of whole numbers, one per feature of the input."""
        return [whole(value, name) for value in self.each(name)]
