"""torch's elementwise operations (ATen) as formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from nirx.dynamics import formula as f
from nirx.dynamics.expression import NotElementwise
from nirx.dynamics.formula import LARGEST_POWER, Formula
from nirx_torch.cell_masks import (
    Mask,
    as_mask,
    at_least,
    equal,
    greater,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    only_masks,
)

__all__ = ["IDENTITIES", "MADE", "OPERATIONS"]


def _add(at: Any, a: Any, b: Any, alpha: Any = 1) -> Formula:
    return at.number(a) + (at.number(b) if alpha == 1 else at.number(b) * alpha)


def _sub(at: Any, a: Any, b: Any, alpha: Any = 1) -> Formula:
    return at.number(a) - (at.number(b) if alpha == 1 else at.number(b) * alpha)


def _rsub(at: Any, a: Any, b: Any, alpha: Any = 1) -> Formula:
    return _sub(at, b, a, alpha)


def _mul(at: Any, a: Any, b: Any) -> Any:
    if isinstance(a, Mask) and isinstance(b, Mask):
        return logical_and(at, a, b)
    return at.number(a) * at.number(b)


def _div(at: Any, a: Any, b: Any, rounding_mode: str | None = None) -> Formula:
    ratio = at.number(a) / at.number(b)
    if rounding_mode is None:
        return ratio
    return f.floor(ratio) if rounding_mode == "floor" else _trunc(at, ratio)


def _remainder(at: Any, a: Any, b: Any) -> Formula:
    a, b = at.number(a), at.number(b)
    return a - f.floor(a / b) * b


def _trunc(at: Any, a: Any) -> Formula:
    a = at.number(a)
    return f.where(a >= 0.0, f.floor(a), 0.0 - f.floor(0.0 - a))


def _round(at: Any, a: Any) -> Formula:
    """To the nearest whole number, halves to the even one."""
    a = at.number(a)
    low = f.floor(a)
    part = a - low
    odd = low - 2.0 * f.floor(low * 0.5)
    return f.where(part > 0.5, low + 1.0, f.where(part >= 0.5, low + odd, low))


def _sign(at: Any, a: Any) -> Formula:
    a = at.number(a)
    return (a > 0.0) - (a < 0.0)


def _pow(at: Any, a: Any, b: Any) -> Formula:
    """Small whole powers are products, as torch computes squares and cubes."""
    if isinstance(b, bool | int | float):
        base = at.number(a)
        if b == int(b) and 1 <= b <= LARGEST_POWER:
            return base ** int(b)
        if b == 0.5:
            return f.sqrt(base)
        if b == -1:
            return 1.0 / base
    elif isinstance(a, int | float) and 0 < a < math.inf:
        return a ** at.number(b)
    return f.power(at.number(a), at.number(b))


def _clamp(at: Any, a: Any, min: Any = None, max: Any = None) -> Formula:
    low, high = (None if limit is None else at.number(limit) for limit in (min, max))
    return f.clamp(at.number(a), low, high)


def _where(at: Any, condition: Any, a: Any, b: Any) -> Any:
    chosen = as_mask(at, condition).value
    if isinstance(a, Mask) and isinstance(b, Mask):
        spikes = lambda: f.where(chosen, a.spikes(), b.spikes())  # noqa: E731
        return Mask(f.where(chosen, a.value, b.value), spikes)
    return f.where(chosen, at.number(a), at.number(b))


def _heaviside(at: Any, a: Any, at_zero: Any) -> Formula:
    a = at.number(a)
    value = at.number(at_zero)
    own = value.expression.operations[value.position]
    if own.name == "constant" and float(own.value) in (0.0, 1.0):
        return f.spike(a, 0.0, at_threshold=float(own.value) == 1.0)
    return f.where(equal(at, a, 0.0).value, value, f.spike(a))


def _index_put(at: Any, a: Any, indices: Any, value: Any, accumulate: bool = False) -> Formula:
    if len(indices) != 1 or not isinstance(indices[0], Mask):
        raise NotElementwise("an index that is not a mask")
    new = at.number(a) + at.number(value) if accumulate else at.number(value)
    return f.where(indices[0].value, new, at.number(a))


def _leaky_relu(at: Any, a: Any, slope: Any = 0.01) -> Formula:
    a = at.number(a)
    return f.where(a > 0.0, a, a * slope)


def _softplus(at: Any, a: Any, beta: Any = 1, threshold: Any = 20) -> Formula:
    scaled = at.number(a) * beta
    return f.where(scaled > float(threshold), at.number(a), f.log(1.0 + f.exp(scaled)) / beta)


def _addcmul(at: Any, a: Any, b: Any, c: Any, value: Any = 1) -> Formula:
    return at.number(a) + at.number(b) * at.number(c) * value


def _addcdiv(at: Any, a: Any, b: Any, c: Any, value: Any = 1) -> Formula:
    return at.number(a) + at.number(b) / at.number(c) * value


def _lerp(at: Any, a: Any, b: Any, weight: Any) -> Formula:
    a = at.number(a)
    return a + at.number(weight) * (at.number(b) - a)


def _one(function: Callable[[Formula], Formula]) -> Callable[..., Formula]:
    return lambda at, a: function(at.number(a))


def _two(function: Callable[[Formula, Formula], Formula]) -> Callable[..., Formula]:
    return lambda at, a, b: function(at.number(a), at.number(b))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "abs": _one(abs),
    "add": _add,
    "addcdiv": _addcdiv,
    "addcmul": _addcmul,
    "bitwise_and": only_masks(logical_and),
    "bitwise_not": only_masks(logical_not),
    "bitwise_or": only_masks(logical_or),
    "bitwise_xor": only_masks(logical_xor),
    "ceil": _one(lambda a: 0.0 - f.floor(0.0 - a)),
    "clamp": _clamp,
    "clamp_max": lambda at, a, max: _clamp(at, a, None, max),
    "clamp_min": lambda at, a, min: _clamp(at, a, min),
    "div": _div,
    "eq": equal,
    "exp": _one(f.exp),
    "exp2": _one(lambda a: 2.0**a),
    "floor": _one(f.floor),
    "floor_divide": lambda at, a, b: _div(at, a, b, "floor"),
    "ge": at_least,
    "gt": greater,
    "hardtanh": lambda at, a, min=-1.0, max=1.0: _clamp(at, a, min, max),
    "heaviside": _heaviside,
    "index_put": _index_put,
    "le": lambda at, a, b: at_least(at, b, a),
    "leaky_relu": _leaky_relu,
    "lerp": _lerp,
    "log": _one(f.log),
    "logical_and": logical_and,
    "logical_not": logical_not,
    "logical_or": logical_or,
    "logical_xor": logical_xor,
    "lt": lambda at, a, b: greater(at, b, a),
    "masked_fill": lambda at, a, mask, value: _where(at, mask, value, a),
    "maximum": _two(f.maximum),
    "minimum": _two(f.minimum),
    "mul": _mul,
    "ne": lambda at, a, b: logical_not(at, equal(at, a, b)),
    "neg": _one(lambda a: 0.0 - a),
    "pow": _pow,
    "reciprocal": _one(lambda a: 1.0 / a),
    "relu": _one(lambda a: f.clamp(a, 0.0)),
    "remainder": _remainder,
    "round": _round,
    "rsqrt": _one(lambda a: 1.0 / f.sqrt(a)),
    "rsub": _rsub,
    "sigmoid": _one(f.sigmoid),
    "sign": _sign,
    "sgn": _sign,
    "silu": _one(lambda a: a * f.sigmoid(a)),
    "softplus": _softplus,
    "sqrt": _one(f.sqrt),
    "square": _one(lambda a: a * a),
    "sub": _sub,
    "tanh": _one(f.tanh),
    "trunc": _trunc,
    "where": _where,
}
"""ATen's name -> function of what writes the program and of the operands. An operation in place
has the name without its underscore."""


def _same(value: Any, node: Any) -> Any:
    return value


def _cast(value: Any, node: Any) -> Any:
    """A comparison as a number stays undecided until it is known what reads it."""
    dtype = node.meta["val"].dtype
    if dtype == torch.bool:
        return value if isinstance(value, Mask) else as_mask(_Numbers(), value)
    if isinstance(value, Mask):
        return value.spikes()
    whole = node.args[0].meta["val"].dtype.is_floating_point and not dtype.is_floating_point
    return _trunc(_Numbers(), value) if whole else value


class _Numbers:
    """Stands for the writer where all operands are formulas and numbers already."""

    def number(self, value: Any) -> Any:
        return value


IDENTITIES: dict[str, Callable[[Any, Any], Any]] = {
    "_to_copy": _cast,
    **dict.fromkeys(("alias", "clone", "contiguous", "detach", "expand", "lift_fresh_copy"), _same),
    **dict.fromkeys(("cat", "getitem", "select", "stack", "unbind"), _same),
    **dict.fromkeys(("repeat", "reshape", "slice", "squeeze"), _same),
    **dict.fromkeys(("_unsafe_view", "unsqueeze", "view"), _same),
}
"""Operations that leave the numbers as they are, if the shape stays."""


def _filled(number: float) -> Callable[..., Formula]:
    return lambda at, node: at.number(number)


def _fill(argument: int) -> Callable[..., Formula]:
    return lambda at, node: at.number(
        at._read(node.args[argument])
        if isinstance(node.args[argument], torch.fx.Node)
        else node.args[argument]
    )


MADE: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros", "zero"), _filled(0.0)),
    **dict.fromkeys(("ones", "ones_like", "new_ones"), _filled(1.0)),
    **dict.fromkeys(("full", "full_like", "fill", "copy"), _fill(1)),
    "new_full": _fill(2),
    "scalar_tensor": _fill(0),
}
"""Operations whose result does not depend on the numbers in their first operand."""
