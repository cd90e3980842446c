"""`Operation`: one operation of a jaxpr, and what can flow through a trace besides values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.tracing.lowering import Constant, TracedOperation
from nirx.tracing.value import Value
from nirx_jax.leaf import LeafCall, Place

__all__ = ["Constant", "LeafState", "Operation", "StateIn"]


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
class Operation(TracedOperation):
    """One operation of a jaxpr.

    Arguments:
        operands: each a `Value` or a `Constant`. A value has its shape in NIR; in the program
            it may have additional axes of size 1.
        shapes: of the operands in the program.
        shape: of the result in the program.
        dtypes: of the operands, and of the result.
        params: of the primitive.
    """

    operands: list[Any]
    shapes: list[tuple[int, ...]]
    shape: tuple[int, ...]
    dtypes: list[Any]
    params: dict[str, Any]

    def value(self, position: int = 0) -> Value:
        """An operand that depends on the network's inputs."""
        found = self.operands[position]
        if not isinstance(found, Value):
            raise self.refuse("does not depend on the network's inputs")
        return found

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
