"""`Operation`: one operation of a jaxpr, and what can flow through a trace besides values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.tracing.arranged import Arranged, in_nir
from nirx.tracing.lowering import Constant, TracedOperation
from nirx.tracing.value import Value
from nirx_jax.leaf import LeafCall, Place

__all__ = ["Constant", "Final", "LeafState", "Operation", "Stacked", "StateIn"]


@dataclass(frozen=True)
class StateIn:
    """A part of what the previous step left."""

    place: Place
    shape: tuple[int, ...]


@dataclass(frozen=True)
class LeafState:
    """A part of the new state of a stateful module."""

    call: LeafCall
    place: Place


@dataclass(frozen=True)
class Final:
    """What the last time step of a scan leaves: the state that the network keeps itself."""

    content: Any
    place: str


@dataclass(frozen=True)
class Stacked:
    """A value of every step of a scan that takes nothing apart."""

    content: Any


@dataclass(frozen=True)
class Operation(TracedOperation):
    """One operation of a jaxpr.

    Arguments:
        operands: each a `Value`, an `Arranged` or a `Constant`. A value has its shape in NIR; in
            the program it may have additional axes of size 1.
        shapes: of the operands in the program, without axes of time and batch.
        shape: of the result in the program, likewise.
        dtypes: of the operands, and of the result.
        params: of the primitive, which count axes of time and batch.
        leading: how many such axes the result has; they are the first.
    """

    operands: list[Any]
    shapes: list[tuple[int, ...]]
    shape: tuple[int, ...]
    dtypes: list[Any]
    params: dict[str, Any]
    leading: int = 0

    def value(self, position: int = 0) -> Value:
        """An operand that depends on the network's inputs."""
        found = in_nir(self.draft, self.operands[position], "permute", self.place)
        if not isinstance(found, Value):
            raise self.refuse("does not depend on the network's inputs")
        return found

    def arranged(self) -> Arranged:
        """The first operand with the shape that it has in the program."""
        found = self.operands[0]
        if isinstance(found, Arranged):
            return found
        value = self.value()
        order = np.arange(math.prod(value.shape or ()))
        if order.size != math.prod(self.shapes[0]):
            raise self.refuse(f"broadcasts a value of shape {value.shape} to {self.shapes[0]}")
        return Arranged(value, order.reshape(self.shapes[0]))

    def constant(self, position: int) -> np.ndarray | None:
        """An operand as an array, or None if it depends on the network's inputs."""
        found = self.operands[position]
        return to_numpy(found.content) if isinstance(found, Constant) else None

    def aligned(self, constant: np.ndarray, value: Value) -> np.ndarray:
        """A constant with the axes that a value has in NIR."""
        self.require_size_of(value)
        if constant.ndim == 0 or value.shape is None or value.shape == self.shape:
            return constant
        return np.broadcast_to(constant, self.shape).reshape(value.shape)

    def require_size_of(self, value: Value) -> None:
        """Raise `UnsupportedError` if the result repeats the value."""
        if value.sources and math.prod(value.shape or ()) != math.prod(self.shape):
            raise self.refuse(f"broadcasts a value of shape {value.shape} to {self.shape}")
