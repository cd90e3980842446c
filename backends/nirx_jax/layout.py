"""Operations of a jaxpr that only move a sample's elements: reshapes and permutations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nirx.tracing.arranged import Arranged, joined_axes
from nirx.tracing.layers import flatten_node
from nirx.tracing.value import Value
from nirx_jax.lowering import Operation

__all__ = ["reshape", "reverse", "transpose"]


def reshape(op: Operation) -> Any:
    """Another shape for the same elements in the same order, with or without axes of size 1."""
    if op.params.get("dimensions") is not None and op.name == "reshape":
        raise op.refuse("transposes")
    found = op.operands[0]
    if isinstance(found, Value) and (found.shape is None or not found.sources):
        return Value(found.sources, op.shape)
    before = op.arranged()
    if math.prod(op.shape) != before.order.size:
        raise op.refuse(f"broadcasts a value of shape {op.shapes[0]} to {op.shape}")
    return _settled(op, Arranged(before.value, before.order.reshape(op.shape), op.place))


def transpose(op: Operation) -> Any:
    """A permutation of axes; axes of time and batch are in front, and not counted."""
    leading = len(op.params["permutation"]) - len(op.shape)
    order = [n - leading for n in op.params["permutation"] if n >= leading]
    if sorted(order) != list(range(len(op.shape))) or not _is_value(op):
        raise op.refuse("transposes")
    before = op.arranged()
    return _settled(op, Arranged(before.value, before.order.transpose(order), op.place))


def reverse(op: Operation) -> Any:
    """The elements along some axes in reverse."""
    leading = op.leading
    axes = [n - leading for n in op.params["dimensions"]]
    if min(axes, default=0) < 0 or not _is_value(op):
        raise op.refuse("reverses time or the batch")
    before = op.arranged()
    return _settled(op, Arranged(before.value, np.flip(before.order, tuple(axes)), op.place))


def _is_value(op: Operation) -> bool:
    found = op.operands[0]
    return isinstance(found, Arranged) or (isinstance(found, Value) and found.shape is not None)


def _settled(op: Operation, found: Arranged) -> Any:
    """The value itself, a Flatten of it, or what the program did to it, for a later reader."""
    value, shape = found.value, found.order.shape
    assert value.shape is not None
    if not found.is_sorted:
        return found
    wanted = tuple(n for n in shape if n != 1)
    if wanted == tuple(n for n in value.shape if n != 1) and len(shape) >= len(value.shape):
        return value  # new axes of size 1 may go again; fewer axes are a Flatten
    groups = joined_axes(value.shape, shape)
    if groups is None:
        groups = joined_axes(value.shape, wanted)
    if groups is None:
        return found
    for start, end in reversed(groups):  # from the last, so that earlier axes keep their numbers
        value = op.draft.node("flatten", flatten_node(start, end), value)
    return value
