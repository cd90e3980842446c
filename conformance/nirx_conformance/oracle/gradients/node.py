"""`NodeGradient`: one step of a node backwards, from the gradients of its results to those of
what it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nirx_conformance.oracle.gradients.surrogates import Formula
from nirx_conformance.oracle.node import Array, OracleNode, Shape, State

Terms = dict[str, Array]
"""Gradients of parameters, by name."""


@dataclass(frozen=True)
class Spiking:
    """How gradients pass the spikes of a node.

    Arguments:
        surrogate: in place of the derivative of a spike.
        detach_reset: gradients do not pass from the reset to the spike.
    """

    surrogate: Formula
    detach_reset: bool = False


class Pull(NamedTuple):
    """The gradients of one step: of its input, of the state before it, of the parameters."""

    x: Array
    state: State
    parameters: Terms


class NodeGradient:
    """One node of the flat graph, backwards.

    Arguments:
        node: the same node, forwards.
        spiking: of its spikes.
    """

    def __init__(self, node: OracleNode, spiking: Spiking):
        self.node, self.rule, self.spiking = node, node.rule, spiking

    @property
    def names(self) -> tuple[str, ...]:
        """The trainable parameters."""
        return self.node.elementwise

    def pull(self, x: Array, state: State, to_y: Array, to_state: State) -> Pull:
        """One step backwards.

        Arguments:
            x, state: what the step took.
            to_y, to_state: the gradients of what it gave.
        """
        raise NotImplementedError

    def first_v(self, to_v: Array) -> Terms:
        """The gradients of the parameters that the first v comes from."""
        return {}

    def numbers(self, name: str) -> Array:
        """A parameter in float64."""
        return self.node.numbers(name)

    def summed(self, terms: Mapping[str, Array]) -> Terms:
        """Terms [*batch, *features] summed to the shapes of their parameters."""
        return {name: summed_to(term, self.numbers(name).shape) for name, term in terms.items()}


def summed_to(term: Array, shape: Shape) -> Array:
    """The sum over everything along which an array of that shape was repeated."""
    total = term.sum(tuple(range(term.ndim - len(shape))))
    repeated = tuple(k for k, n in enumerate(shape) if n == 1 and total.shape[k] != 1)
    return total.sum(repeated, keepdims=True)


def added(*parts: Mapping[str, Array]) -> Terms:
    """The sums of what has the same name."""
    total: Terms = {}
    for part in parts:
        for name, term in part.items():
            total[name] = total[name] + term if name in total else term
    return total


def zeros_like(state: State) -> State:
    """A state of zeros."""
    return {name: np.zeros_like(value) for name, value in state.items()}
