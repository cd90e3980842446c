"""What a traced operation is given, and what can flow through a trace beside values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.errors import UnsupportedError
from nirx.tracing.draft import Draft
from nirx.tracing.value import Value
from nirx_jax.leaf import LeafCall, Place

__all__ = ["Constant", "LeafState", "Operation", "StateIn"]


@dataclass(frozen=True)
class Constant:
    """An array that no input reaches."""

    content: Any


@dataclass(frozen=True)
class StateIn:
    """A part of what the step before left."""

    place: Place
    shape: tuple[int, ...]


@dataclass(frozen=True)
class LeafState:
    """A part of the new state of a stateful module."""

    call: LeafCall
    place: Place


@dataclass(frozen=True)
class Operation:
    """One operation of a trace.

    Arguments:
        draft: what it adds its nodes to.
        name: for the node that it may become.
        place: the operation and where it stands, for errors.
        operands: each a `Value` or a `Constant`. A value has the shape that it has in NIR;
            in the program it may have further axes of size 1.
        shapes: of the operands in the program.
        shape: of the result in the program.
        dtypes: of the operands, and of the result.
        params: of the primitive.
    """

    draft: Draft
    name: str
    place: str
    operands: list[Any]
    shapes: list[tuple[int, ...]]
    shape: tuple[int, ...]
    dtypes: list[Any]
    params: dict[str, Any]

    def refuse(self, found: str, mend: str = "") -> UnsupportedError:
        """The error for what NIR cannot say."""
        end = f"; {mend}" if mend else ""
        return UnsupportedError(f"{self.place} {found}, which has no NIR node{end}")

    def value(self, position: int = 0) -> Value:
        """An operand that is a value of the network."""
        found = self.operands[position]
        if not isinstance(found, Value):
            raise self.refuse("works on no value of the network")
        return found

    def constant(self, position: int) -> np.ndarray | None:
        """An operand as an array, or None if it is a value of the network."""
        found = self.operands[position]
        return to_numpy(found.content) if isinstance(found, Constant) else None

    def beside(self, constant: np.ndarray, value: Value) -> np.ndarray:
        """A constant in the axes that a value has in NIR."""
        self.require_size_of(value)
        if constant.ndim == 0 or value.shape is None or value.shape == self.shape:
            return constant
        return np.broadcast_to(constant, self.shape).reshape(value.shape)

    def require_size_of(self, value: Value) -> None:
        """Raise `UnsupportedError` if the result holds the value more than once."""
        if value.sources and math.prod(value.shape or ()) != math.prod(self.shape):
            raise self.refuse(f"repeats a value of shape {value.shape} to {self.shape}")
