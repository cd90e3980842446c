"""The formula of each elementwise operation of a jaxpr, and the refusal of every other one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nirx.dynamics import formula as f
from nirx.dynamics.formula import LARGEST_POWER, Formula
from nirx.errors import UnsupportedError
from nirx_jax.cell_flat import RANDOM, Step

__all__ = ["COMPARISONS", "ELEMENTWISE", "FOLDS", "refusal"]

Rule = Callable[..., Formula]
"""(step, *operands) -> the value of the operation."""

ELEMENTWISE: dict[str, Rule] = {}

LOOPS = ("while", "cond", "scan")

MIXES = (
    "dot_general",
    "conv_general_dilated",
    "sort",
    "top_k",
    "argmax",
    "argmin",
    "approx_top_k",
    "fft",
)
"""Operations that read several elements, besides those that start with "reduce" or "cum"."""

COMPARISONS = {"gt": ("greater", False), "ge": ("greater_equal", False)}
COMPARISONS |= {"lt": ("greater", True), "le": ("greater_equal", True)}
"""Comparison -> that of an expression, and whether its operands change places."""


def refusal(step: Step) -> UnsupportedError:
    """The error for an operation that no expression has."""
    name = step.name
    if name in LOOPS:
        found = "loops or branches"
        mend = "use jnp.where, or a Python loop of a fixed number of passes"
    elif name.startswith(RANDOM):
        found = "is random, which the step of a NIR neuron is not"
        mend = "switch it off, or let the noise be an input"
    elif name in MIXES or name.startswith(("reduce", "cum")):
        found = "mixes elements, and a nirx.Neuron computes each element by itself"
        mend = "move it into a layer before or after the neuron"
    else:
        found = "has no NIR node, and no counterpart in a nirx.Neuron"
        mend = (
            "write it with + - * / **, comparisons, jnp.where, exp, log, tanh, sqrt, abs and "
            "floor, or move it into a module and add that to module_map"
        )
    return UnsupportedError(f"{step.place} {found}; {mend}")


def rule(*names: str) -> Callable[[Rule], Rule]:
    def put(function: Rule) -> Rule:
        ELEMENTWISE.update(dict.fromkeys(names, function))
        return function

    return put


def _rules(functions: dict[str, Callable[..., Any]]) -> None:
    for name, function in functions.items():
        ELEMENTWISE[name] = lambda step, *o, own=function: own(*o)


def _not(a: Formula) -> Formula:
    return 1.0 - a


def _equal(a: Formula, b: Any) -> Formula:
    return (a >= b) * (a <= b)


def _toward_zero(a: Formula) -> Formula:
    return f.where(a >= 0.0, f.floor(a), -f.floor(-a))


def _to_even(a: Formula) -> Formula:
    """The nearest whole number; of two, the even one."""
    up = f.floor(a + 0.5)
    is_odd = up - 2.0 * f.floor(0.5 * up)
    return up - _equal(up - a, 0.5) * is_odd


_rules(
    {
        "add": lambda a, b: a + b,
        "add_any": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "neg": lambda a: -a,
        "abs": abs,
        "exp": f.exp,
        "exp2": lambda a: 2.0**a,
        "expm1": lambda a: f.exp(a) - 1.0,
        "log": f.log,
        "log1p": lambda a: f.log(1.0 + a),
        "tanh": f.tanh,
        "logistic": f.sigmoid,
        "sqrt": f.sqrt,
        "rsqrt": lambda a: 1.0 / f.sqrt(a),
        "square": lambda a: a * a,
        "pow": f.power,
        "floor": f.floor,
        "ceil": lambda a: -f.floor(-a),
        "max": f.maximum,
        "min": f.minimum,
        "clamp": lambda low, a, high: f.clamp(a, low, high),
        "sign": lambda a: f.where(a > 0.0, 1.0, f.where(a < 0.0, -1.0, a)),
        "stop_gradient": f.detach,
    }
)


@rule("div")
def _divide(step: Step, a: Formula, b: Formula) -> Formula:
    whole = step.results[0].dtype.kind in "iu"
    return _toward_zero(a / b) if whole else a / b


@rule("integer_pow")
def _integer_pow(step: Step, a: Formula) -> Formula:
    exponent = step.eqn.params["y"]
    if not 1 <= abs(exponent) <= LARGEST_POWER:
        return f.power(a, float(exponent))
    return a**exponent if exponent > 0 else 1.0 / a ** (-exponent)


@rule("round")
def _round(step: Step, a: Formula) -> Formula:
    if int(step.eqn.params["rounding_method"]) == 1:
        return _to_even(a)
    return f.where(a >= 0.0, f.floor(a + 0.5), -f.floor(0.5 - a))


@rule("and")
def _and(step: Step, a: Formula, b: Formula) -> Formula:
    return a * b if step.results[0].is_mask else _bits(step)


@rule("or")
def _or(step: Step, a: Formula, b: Formula) -> Formula:
    return a + b - a * b if step.results[0].is_mask else _bits(step)


@rule("not")
def _invert(step: Step, a: Formula) -> Formula:
    return _not(a) if step.results[0].is_mask else _bits(step)


@rule("xor")
def _xor(step: Step, a: Formula, b: Formula) -> Formula:
    return a + b - 2.0 * (a * b) if step.results[0].is_mask else _bits(step)


def _bits(step: Step) -> Formula:
    raise UnsupportedError(f"{step.place} computes with the bits of whole numbers; use floats")


@rule("eq")
def _eq(step: Step, a: Formula, b: Formula) -> Formula:
    return _equal(a, b)


@rule("ne")
def _ne(step: Step, a: Formula, b: Formula) -> Formula:
    return _not(_equal(a, b))


def _compares(name: str) -> None:
    own, swapped = COMPARISONS[name]

    @rule(name)
    def compare(step: Step, a: Formula, b: Formula) -> Formula:
        return a.made(own, b, a) if swapped else a.made(own, a, b)


for _name in COMPARISONS:
    _compares(_name)


@rule("select_n")
def _select(step: Step, which: Formula, *cases: Formula) -> Formula:
    if len(cases) != 2:
        raise UnsupportedError(f"{step.place} chooses among {len(cases)} values; use jnp.where")
    return f.where(which, cases[1], cases[0])


@rule("convert_element_type")
def _convert(step: Step, a: Formula) -> Formula:
    before, after = step.operands[0], step.results[0]
    if after.is_mask and not before.is_mask:
        return _not(_equal(a, 0.0))
    if after.dtype.kind in "iu" and before.is_float:
        return _toward_zero(a)
    if after.is_float and before.is_float and np.dtype(after.dtype).itemsize < 4:
        raise UnsupportedError(
            f"{step.place} rounds to {after.dtype}; a nirx.Neuron computes in the run's dtype"
        )
    return a


FOLDS: dict[str, Callable[[Formula, Formula], Formula]] = {
    "reduce_sum": lambda a, b: a + b,
    "reduce_prod": lambda a, b: a * b,
    "reduce_max": f.maximum,
    "reduce_min": f.minimum,
    "reduce_and": lambda a, b: a * b,
    "reduce_or": lambda a, b: a + b - a * b,
}
"""Reductions over an axis whose elements are states of one neuron."""
