"""Flatten, and Input and Output, which pass their value through."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nirx.dynamics.base import Arrays, Stateless
from nirx.dynamics.geometry import MOST_ELEMENTS, integers
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.parameters import NodeMismatch

__all__ = ["MOST_AXES", "Flatten", "Port", "declared_port_shape", "merged_shape"]


MOST_AXES = 32
"""Of one sample: NumPy's arrays have at most 64, time and batch included."""


def declared_port_shape(node: Any, kind: str) -> Shape | None:
    """The shape in `node.input_type["input"]` (or of the output), or None.

    **Raises**: `NodeMismatch` if it is not a shape.
    """
    declared = getattr(node, f"{kind}_type", None)
    value = declared.get(kind) if isinstance(declared, dict) else declared
    if value is None:
        return None
    try:
        array = np.atleast_1d(np.asarray(value))
        real = array.dtype.kind in "iufO" and not np.ma.isMaskedArray(
            value
        )  # O: whole numbers beyond 64 bits
        shape = tuple(int(n) for n in array.reshape(-1)) if real else ()
        good = (
            real
            and array.ndim == 1
            and all(n == m and n >= 0 for n, m in zip(shape, array, strict=True))
        )
    except (TypeError, ValueError, OverflowError):
        shape, good = (), False
    if good and len(shape) > MOST_AXES:
        raise NodeMismatch(f"{kind}_type has {len(shape)} axes", f"at most {MOST_AXES} axes")
    if not good:
        raise NodeMismatch(f"{kind}_type is {value!r}", "a shape: one integer per axis")
    if math.prod(max(n, 1) for n in shape) > MOST_ELEMENTS:
        raise NodeMismatch(f"{kind}_type is {shape}", f"at most {MOST_ELEMENTS} elements")
    return shape


def merged_shape(start: int, end: int, shape: Shape) -> Shape:
    """A shape with its axes start..end merged into one; negative axes count from the end.

    **Raises**: `NodeMismatch` if the shape does not have these axes.
    """
    axes = len(shape)
    first, last = (n + axes if n < 0 else n for n in (start, end))
    if axes == 0 and start in (0, -1) and end in (0, -1):
        return (1,)
    if not (0 <= first <= last < axes):
        raise NodeMismatch(
            f"start_dim={start}, end_dim={end} on an input of shape {shape}",
            "start_dim <= end_dim, both axes of the features (the batch does not count)",
        )
    return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])


class Port(Stateless):
    """Input or Output: the value passes through unchanged.

    A declared shape that differs from what arrives does not change what is computed. It is
    reported by `nirx.graphs.shapes`.
    """

    exact_shape = True

    @classmethod
    def check(cls, node: Any) -> None:
        cls.declared_shapes(node)

    @classmethod
    def declared_shapes(cls, node: Any) -> tuple[Shape | None, Shape | None]:
        shape = declared_port_shape(node, "input")
        return shape, shape

    @classmethod
    def infer_shape(cls, node: Any, input_shape: Shape) -> Shape:
        return input_shape

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        return x


class Flatten(Stateless):
    """Merges the feature axes start_dim..end_dim into one; batch axes do not count."""

    exact_shape = True

    @classmethod
    def check(cls, node: Any) -> None:
        integers(node, "start_dim", 1, -32)
        integers(node, "end_dim", 1, -32)
        declared_port_shape(node, "input")

    @classmethod
    def declared_shapes(cls, node: Any) -> tuple[Shape | None, Shape | None]:
        shape = declared_port_shape(node, "input")
        try:
            return shape, None if shape is None else cls._merged(node, shape)
        except NodeMismatch:  # its dims do not fit what it declares, which it still declares
            return shape, None

    @classmethod
    def infer_shape(cls, node: Any, input_shape: Shape) -> Shape:
        declared = declared_port_shape(node, "input")
        if declared not in (None, input_shape):
            raise NodeMismatch(
                f"it is declared with input shape {declared}, but receives shape {input_shape}",
                f"an input of shape {declared}",
            )
        return cls._merged(node, input_shape)

    @classmethod
    def _merged(cls, node: Any, shape: Shape) -> Shape:
        (start,), (end,) = integers(node, "start_dim", 1, -32), integers(node, "end_dim", 1, -32)
        return merged_shape(start, end, shape)

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        lead = x.shape[: x.ndim - len(self.input_shape)]
        return x.reshape((*lead, *self.output_shape))
