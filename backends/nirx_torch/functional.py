"""Functional forms: the NIR node of each operation on tensors that has one."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nir
import numpy as np
import torch
from torch.nn import functional

from nirx.errors import UnsupportedError
from nirx.tracing.arranged import Arranged, permuted_linear
from nirx.tracing.layers import conv_node, flatten_node, linear_node, pool_node
from nirx.tracing.spike_logic import ONLY_SPIKES, spike_product, spike_union
from nirx.tracing.spike_pool import spike_pool
from nirx.tracing.value import Value
from nirx_torch.layout import arrange
from nirx_torch.lowering import Call, Constant, Dimension, Shape, as_array
from nirx_torch.module_map import flatten_dims

__all__ = ["FUNCTIONS", "KEYWORDS", "WEIGHTED", "lowering_of"]

Lowering = Callable[[Call], Any]

FUNCTIONS: dict[Any, Lowering] = {}
"""Function -> what it adds to a draft."""

METHODS: dict[str, Lowering] = {}
"""Method of a tensor -> the same."""

KEYWORDS: dict[Lowering, frozenset[str] | None] = {}
"""The keyword arguments that a lowering handles; any other would change the result. None: all."""


def lowering_of(target: Any, is_method: bool) -> Lowering | None:
    """What a function, or a method of a tensor, adds to a draft; None if that is not known."""
    if is_method:
        return METHODS.get(target)
    if getattr(target, "__module__", "") == "einops.einops":
        return METHODS.get(f"einops.{target.__name__}")  # nirx does not import it
    return FUNCTIONS.get(target)


def lowers(*targets: Any, keywords: str | None = "input other") -> Callable[[Lowering], Lowering]:
    def put(function: Lowering) -> Lowering:
        KEYWORDS[function] = None if keywords is None else frozenset(keywords.split())
        for target in targets:
            (METHODS if isinstance(target, str) else FUNCTIONS)[target] = function
        return function

    return put


@lowers(
    *(operator.add, operator.iadd, torch.add, "add", "__add__", "__radd__"),
    keywords="input other alpha",
)
def _add(call: Call) -> Any:
    a, b = call.operands("other", alpha=True)
    if isinstance(a, Constant):
        a, b = b, a
    if isinstance(b, Constant):
        return call.draft.shift(a, as_array(b), call.name, call.place)
    return call.draft.add(a, b, call.name)


@lowers(
    *(operator.sub, operator.isub, torch.sub, torch.subtract, "sub", "subtract"),
    keywords="input other alpha",
)
def _sub(call: Call) -> Any:
    a, b = call.operands("other", alpha=True)
    if isinstance(b, Constant):
        return call.draft.shift(a, -as_array(b), call.name, call.place)
    minus = call.draft.scale(b, -1.0, call.name)
    if isinstance(a, Constant):
        return call.draft.shift(minus, as_array(a), call.name, call.place)
    return call.draft.add(a, minus, call.name)


def _scaled(call: Call, found: Any, factor: np.ndarray) -> Any:
    """A factor for all elements leaves them where they are."""
    if isinstance(found, Arranged) and factor.ndim == 0:
        return replace(found, value=call.draft.scale(found.value, factor, call.name))
    return call.draft.scale(call.as_value(found), factor, call.name)


@lowers(operator.neg, torch.neg, torch.negative, "neg", "negative")
def _neg(call: Call) -> Any:
    return _scaled(call, call.arranged(), np.asarray(-1.0))


@lowers(operator.mul, operator.imul, torch.mul, torch.multiply, "mul", "multiply")
def _mul(call: Call) -> Any:
    a, b = call.operands("other", lazy=True)
    if isinstance(a, Constant):
        a, b = b, a
    if not isinstance(b, Constant):
        return _of_spikes(call, spike_product, "multiplies")
    return _scaled(call, a, as_array(b))


@lowers(torch.logical_and, torch.minimum, "logical_and", "minimum")
def _and(call: Call) -> Any:
    return _of_spikes(call, spike_product, "takes the minimum of")


@lowers(torch.logical_or, torch.maximum, "logical_or", "maximum")
def _or(call: Call) -> Any:
    return _of_spikes(call, spike_union, "takes the maximum of")


def _of_spikes(call: Call, gate: Callable[..., Value], does: str) -> Value:
    a, b = call.operands("other")
    text = f"{does} two values that depend on the network's inputs"

    def refusal() -> UnsupportedError:
        return call.refuse(text, ONLY_SPIKES)

    if isinstance(a, Constant) or isinstance(b, Constant):
        raise call.refuse(f"{does} a value and a constant")
    return gate(call.draft, a, b, call.name, refusal)


@lowers(operator.truediv, operator.itruediv, torch.div, torch.divide, "div", "divide")
def _div(call: Call) -> Any:
    a, b = call.operands("other", lazy=True)
    if isinstance(a, Constant) or not isinstance(b, Constant):
        raise call.refuse("divides by a value that depends on the network's inputs")
    return _scaled(call, a, call.reciprocal(as_array(b)))


@lowers(torch.flatten, "flatten", keywords="input start_dim end_dim")
def _flatten(call: Call) -> Any:
    start, end = call.argument("start_dim", 1, 0), call.argument("end_dim", 2, -1)
    return _flattened(call, *flatten_dims(int(start), int(end)))


WEIGHTED = (operator.matmul, torch.matmul, "matmul", functional.linear)
"""Functions that fail for another number of features than their weights have."""

LAYOUT = {
    *("view", "reshape", "permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis"),
    *("squeeze", "unsqueeze", "ravel", "unflatten", "view_as", "reshape_as", "flip", "roll"),
}
"""Names of functions and methods that only move elements."""


@lowers(
    *LAYOUT,
    *(getattr(torch, name) for name in sorted(LAYOUT) if hasattr(torch, name)),
    *(functional.pixel_shuffle, functional.pixel_unshuffle, functional.channel_shuffle),
    "einops.rearrange",
    keywords=None,
)
def _layout(call: Call) -> Any:
    found = call.arranged()
    known = isinstance(found, Arranged) or found.shape is not None
    if not known and call.target in ("view", "reshape", torch.reshape):
        sizes = call.rest(1)
        sizes = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes
        if len(sizes) == 2 and sizes == (Dimension(0), -1):
            return _flattened(call, 0, -1)
    return arrange(call)


@lowers(torch.einsum, keywords="")
def _einsum(call: Call) -> Any:
    equation, *operands = (a.content if isinstance(a, Constant) else a for a in call.arguments)
    if not isinstance(equation, str) or len(operands) != 1:
        raise call.refuse("sums over products", "write it as x @ weight, or permute and flatten")
    same = replace(call, arguments=(operands[0],), target=lambda x: torch.einsum(equation, x))
    return arrange(same)


def _flattened(call: Call, start: int, end: int) -> Any:
    found = call.arranged()
    if isinstance(found, Arranged) or found.shape is not None:
        return arrange(call)
    return call.draft.node(call.name, flatten_node(start, end), found)


@lowers(functional.linear, keywords="input weight bias")
def _linear(call: Call) -> Any:
    weight, bias = call.constant("weight", 1), call.constant("bias", 2, optional=True)
    return _layer(call, linear_node(weight, bias), call.arranged())


def _layer(call: Call, node: Any, found: Any) -> Value:
    made = permuted_linear(call.draft, call.name, node, found)
    return call.draft.node(call.name, node, call.as_value(found)) if made is None else made


@lowers(operator.matmul, torch.matmul, "matmul")
def _matmul(call: Call) -> Any:
    a, b = call.operands("other", lazy=True)
    if isinstance(a, Constant) or not isinstance(b, Constant) or as_array(b).ndim != 2:
        raise call.refuse("multiplies matrices", "write x @ weight with a weight of 2 axes")
    return _layer(call, linear_node(as_array(b).T.copy(), None), a)


@lowers(
    *(functional.conv1d, functional.conv2d),
    keywords="input weight bias stride padding dilation groups",
)
def _conv(call: Call) -> Any:
    node = conv_node(
        call.constant("weight", 1),
        call.constant("bias", 2, optional=True),
        call.argument("stride", 3, 1),
        call.argument("padding", 4, 0),
        call.argument("dilation", 5, 1),
        call.argument("groups", 6, 1),
    )
    return call.draft.node(call.name, node, call.value(0))


@lowers(
    functional.avg_pool2d,
    keywords="input kernel_size stride padding ceil_mode count_include_pad divisor_override",
)
def _avg_pool(call: Call) -> Any:
    if call.argument("ceil_mode", 4, False) or call.argument("divisor_override", 6, None):
        raise call.refuse("pools with ceil_mode or divisor_override")
    padding = call.argument("padding", 3, 0)
    if not call.argument("count_include_pad", 5, True) and np.any(padding):
        raise call.refuse("pools without counting the padding")
    sizes = call.argument("kernel_size", 1, None), call.argument("stride", 2, None)
    return call.draft.node(call.name, pool_node(nir.AvgPool2d, *sizes, padding), call.value(0))


@lowers(
    *(functional.max_pool2d, torch.max_pool2d),
    keywords="input kernel_size stride padding dilation ceil_mode return_indices",
)
def _max_pool(call: Call) -> Any:
    if call.argument("ceil_mode", 5, False) or call.argument("return_indices", 6, False):
        raise call.refuse("pools with ceil_mode or return_indices")
    if np.any(np.asarray(call.argument("dilation", 4, 1)) != 1):
        raise call.refuse("pools with a dilation")
    sizes = call.argument("kernel_size", 1, None), call.argument("stride", 2, None)
    sums = pool_node(nir.SumPool2d, *sizes, call.argument("padding", 3, 0))
    return call.draft.node(call.name, spike_pool(sums), call.value(0))


@lowers(
    *(functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d),
    keywords="input p training inplace",
)
def _dropout(call: Call) -> Any:
    if call.argument("training", 2, True) and call.argument("p", 1, 0.5):
        raise call.refuse("is random in training", "pass training=self.training, and call eval()")
    return call.arranged()


@lowers(
    *(torch.clone, torch.detach, "clone", "detach", "contiguous", "float", "double", "type_as"),
    *("cpu", "cuda", "half", "bfloat16"),
    keywords="input memory_format other device non_blocking",
)
def _same(call: Call) -> Any:
    return call.arranged()


@lowers("to", "type", keywords="dtype device non_blocking copy memory_format other tensor")
def _to(call: Call) -> Any:
    kinds = [a.content for a in [*call.arguments, *call.keywords.values()] if _is_constant(a)]
    for kind in kinds:
        if isinstance(kind, torch.Tensor):
            kind = kind.dtype
        if isinstance(kind, torch.dtype) and not kind.is_floating_point:
            raise call.refuse(f"converts to {kind}", "keep the values in floating point")
        if isinstance(kind, str) and call.target == "type" and not kind.endswith(FLOATS):
            raise call.refuse(f"converts to {kind}", "keep the values in floating point")
    return call.arranged()


FLOATS = ("FloatTensor", "DoubleTensor", "HalfTensor")


def _is_constant(flow: Any) -> bool:
    return isinstance(flow, Constant)


@lowers(
    *(torch.zeros, torch.zeros_like, "new_zeros"),
    keywords="input size dtype device layout requires_grad memory_format pin_memory",
)
def _zeros(call: Call) -> Any:
    return Value(())


@lowers("size", keywords="dim")
def _size(call: Call) -> Any:
    axis = call.argument("dim", 1, None)
    return Shape() if axis is None else Dimension(axis)


@lowers("numel", "nelement", torch.numel)
def _numel(call: Call) -> Any:
    found = call.arranged()
    shape = found.order.shape if isinstance(found, Arranged) else found.shape
    if shape is None:
        raise call.refuse("counts the elements of a value of unknown shape", "pass input_shape=")
    return Dimension(0, math.prod(shape))


@lowers(getattr)
def _attribute(call: Call) -> Any:
    name = call.rest(1)[0]
    if name == "shape":
        return Shape()
    if name in ("T", "mT"):
        place = call.place.replace("builtins.getattr", f"the attribute {name!r}")
        axes = replace(
            call, place=place, arguments=call.arguments[:1], target=lambda x: getattr(x, name)
        )
        return arrange(axes)
    if name == "data":
        return call.arranged()
    if name in ("device", "dtype"):
        return Constant(getattr(torch.zeros(()), name))
    raise call.refuse(f"reads the attribute {name!r} of a tensor")
