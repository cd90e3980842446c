"""Functional forms: the NIR node of each operation of a jaxpr that has one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from nirx.errors import UnsupportedError
from nirx.tracing.arranged import Arranged, permuted_linear
from nirx.tracing.layers import conv_node, linear_node
from nirx.tracing.spike_logic import ONLY_SPIKES, spike_product, spike_union
from nirx.tracing.value import Value
from nirx_jax.layout import reshape, reverse, transpose
from nirx_jax.lowering import Operation
from nirx_jax.module_map import node_padding

__all__ = ["OPERATIONS"]

Lowering = Callable[[Operation], Any]

OPERATIONS: dict[str, Lowering] = {}
"""Name of a primitive -> what it adds to a draft."""


def lowers(*names: str) -> Callable[[Lowering], Lowering]:
    def put(function: Lowering) -> Lowering:
        OPERATIONS.update(dict.fromkeys(names, function))
        return function

    return put


@lowers("add", "add_any")
def _add(op: Operation) -> Value:
    a, b = op.constant(0), op.constant(1)
    if b is not None:
        return _shifted(op, op.value(0), b)
    if a is not None:
        return _shifted(op, op.value(1), a)
    return _sum(op, op.value(0), op.value(1))


@lowers("sub")
def _sub(op: Operation) -> Value:
    a, b = op.constant(0), op.constant(1)
    if b is not None:
        return _shifted(op, op.value(0), -b)
    value = op.value(1)
    if a is None:
        return _sum(op, op.value(0), op.draft.scale(value, -1.0, op.name))
    return op.draft.scale(_shifted(op, value, -a), -1.0, op.name)  # the bias comes before the sign


def _sum(op: Operation, a: Value, b: Value) -> Value:
    if None not in (a.shape, b.shape) and a.shape != b.shape:
        raise op.refuse(f"adds values of shapes {a.shape} and {b.shape}")
    op.require_size_of(a if a.sources else b)
    return op.draft.add(a, b)


def _shifted(op: Operation, value: Value, constant: np.ndarray) -> Value:
    """The bias of a convolution arrives broadcast; equal numbers become one again."""
    offset = op.aligned(constant, value)
    for axis in range(offset.ndim):
        first = np.take(offset, [0], axis) if offset.shape[axis] else offset
        offset = first if (offset == first).all() else offset
    return op.draft.shift(value, offset, op.name, op.place)


@lowers("neg")
def _neg(op: Operation) -> Any:
    return _scaled(op, 0, np.asarray(-1.0))


def _scaled(op: Operation, position: int, factor: np.ndarray) -> Any:
    """A factor for all elements leaves them where they are."""
    found = op.operands[position]
    if isinstance(found, Arranged) and factor.ndim == 0:
        return replace(found, value=op.draft.scale(found.value, factor, op.name))
    value = op.value(position)
    return op.draft.scale(value, op.aligned(factor, value), op.name)


@lowers("mul")
def _mul(op: Operation) -> Any:
    a, b = op.constant(0), op.constant(1)
    factor, value = (a, 1) if a is not None else (b, 0)
    if factor is None:
        return _of_spikes(op, spike_product, "multiplies")
    return _scaled(op, value, factor)


@lowers("min")
def _min(op: Operation) -> Value:
    return _of_spikes(op, spike_product, "takes the minimum of")


@lowers("max")
def _max(op: Operation) -> Value:
    return _of_spikes(op, spike_union, "takes the maximum of")


def _of_spikes(op: Operation, gate: Callable[..., Value], does: str) -> Value:
    text = f"{does} two values that depend on the network's inputs"

    def refusal() -> UnsupportedError:
        return op.refuse(text, ONLY_SPIKES)

    if op.constant(0) is not None or op.constant(1) is not None:
        raise op.refuse(f"{does} a value and a constant")
    return gate(op.draft, op.value(0), op.value(1), op.name, refusal)


@lowers("div")
def _div(op: Operation) -> Any:
    divisor = op.constant(1)
    if divisor is None:
        raise op.refuse("divides by a value that depends on the network's inputs")
    return _scaled(op, 0, op.reciprocal(divisor))


lowers("reshape", "squeeze", "expand_dims", "broadcast_in_dim")(reshape)
lowers("transpose")(transpose)
lowers("rev")(reverse)


@lowers("dot_general")
def _dot_general(op: Operation) -> Value:
    (left, right), (batch, _) = op.params["dimension_numbers"]
    a, b = op.constant(0), op.constant(1)
    weight, side = (a, 0) if a is not None else (b, 1)
    if weight is None:
        raise op.refuse("multiplies two values that depend on the network's inputs")
    own, other = (left, right) if side == 0 else (right, left)
    shape = op.shapes[1 - side]
    found = op.operands[1 - side]
    if not isinstance(found, Arranged):
        found = op.value(1 - side)
    flat = isinstance(found, Arranged) or found.shape is None or len(found.shape) == 1
    fits = flat and len(own) == 1 and not batch and weight.ndim == 2
    axis = other[0] - op.leading if fits else -1
    if not 0 <= axis < len(shape) or shape[axis] != math.prod(shape):
        raise op.refuse("multiplies matrices", "write weight @ x with an x of one axis")
    if op.leading and side == 0:
        raise op.refuse("multiplies matrices", "write x @ weight for samples in rows")
    node = linear_node(np.moveaxis(weight, own[0], -1), None)
    made = permuted_linear(op.draft, "linear", node, found)
    return op.draft.node("linear", node, op.value(1 - side)) if made is None else made


@lowers("conv_general_dilated")
def _conv(op: Operation) -> Value:
    weight, value, p = op.constant(1), op.value(), op.params
    if op.leading > 1:
        raise op.refuse("convolves all time steps at once", "convolve within the step")
    if weight is None:
        raise op.refuse("computes its kernel from the network's inputs")
    spec, axes = p["dimension_numbers"], weight.ndim - 2
    order = tuple(range(weight.ndim))
    plain = tuple(spec.lhs_spec) == order and tuple(spec.out_spec) == order
    if axes not in (1, 2) or not plain or op.shapes[0] != (1, *(value.shape or ())):
        raise op.refuse(
            "convolves in another layout",
            "use [1, channels, length] or [1, channels, height, width]",
        )
    if p["batch_group_count"] != 1 or any(n != 1 for n in p["lhs_dilation"]):
        raise op.refuse("is a transposed or batch-grouped convolution")
    weight = np.transpose(weight, spec.rhs_spec)
    stride, dilation = p["window_strides"], p["rhs_dilation"]
    padding = node_padding(p["padding"], weight.shape[2:], stride, dilation)
    if padding is None:
        raise op.refuse(f"pads by {tuple(p['padding'])}", "NIR pads both sides equally")
    node = conv_node(weight, None, stride, padding, dilation, p["feature_group_count"])
    return op.draft.node("conv", node, value)


@lowers("convert_element_type")
def _convert(op: Operation) -> Any:
    before, after = op.dtypes
    if after != before and not str(after).startswith(("float", "bfloat")):
        raise op.refuse(f"converts {before} to {after}")
    return op.operands[0] if isinstance(op.operands[0], Arranged) else op.value()
