"""`OracleNode`: the interface of every node of the oracle to the time loop."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirx.dynamics.discretization import Discretization

Array = NDArray[np.float64]
Shape = tuple[int, ...]
State = dict[str, Array]


class Step(NamedTuple):
    """The result of one step: output, new state and distance from the spike decisions.

    `margin` is the distance of every element from its nearest spike decision; None for a node
    that does not spike.
    """

    y: Array
    state: State
    margin: Array | None = None


class OracleNode:
    """One node of the flat graph.

    Arguments:
        node: the NIR node.
        rule: the choices that apply to this node.
        shape: features of its input, without batch and time.
    """

    neuron: ClassVar[bool] = False
    elementwise: ClassVar[tuple[str, ...]] = ()
    """Parameters that broadcast to the features."""

    def __init__(self, node: Any, rule: Discretization, shape: Shape):
        self.node, self.rule, self.shape = node, rule, shape
        self._numbers: dict[str, Array] = {}

    @staticmethod
    def output_shape(node: Any, shape: Shape) -> Shape:
        """Features of the output for features of the input."""
        return shape

    @classmethod
    def declared_shape(cls, node: Any) -> Shape | None:
        """Features of the input as far as the node alone determines them.

        None if all elementwise parameters are scalars.
        """
        shapes = (np.shape(getattr(node, name)) for name in cls.elementwise)
        return np.broadcast_shapes(*shapes) or None

    @property
    def breaks_cycles(self) -> bool:
        """Whether the output depends on earlier steps only (a Delay of whole steps)."""
        return False

    def start(self, batch: Shape) -> State:
        """The state before the first step; leaves are [*batch, *features]."""
        return {}

    def step(self, x: Array, state: State) -> Step:
        """One step on x [*batch, *features]."""
        raise NotImplementedError

    def numbers(self, name: str) -> Array:
        """A parameter in float64."""
        if name not in self._numbers:
            self._numbers[name] = np.asarray(getattr(self.node, name), np.float64)
        return self._numbers[name]


def pair(value: Any) -> tuple[int, int]:
    """An int or a pair of ints (or an array of one or two) as a pair."""
    numbers = [int(n) for n in np.ravel(value)]
    return (numbers[0], numbers[-1])
