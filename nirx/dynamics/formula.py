"""`Formula`: a value that writes down what is computed with it, in an `Expression`.

Python's operators and the functions of this module are what a step of `nirx.neuron` is written
with. (`nirx.formulas` is this module.)
"""

from __future__ import annotations

import math
import numbers
from typing import Any

from nirx.dynamics.expression import Expression, NotElementwise

__all__ = [
    "Formula",
    "absolute",
    "clamp",
    "detach",
    "exp",
    "floor",
    "log",
    "maximum",
    "minimum",
    "power",
    "sigmoid",
    "spike",
    "sqrt",
    "tanh",
    "where",
]

LARGEST_POWER = 16
"""The largest exponent that is written as products."""


class Formula:
    """A value of an expression.

    Arguments:
        expression: is written to.
        position: of the value in it.
        owner: what computes with it, for messages.
    """

    def __init__(self, expression: Expression, position: int, owner: str = "its step"):
        self.expression, self.position, self.owner = expression, position, owner

    def made(self, name: str, *operands: Any) -> Formula:
        """The value of an operation on formulas and numbers."""
        positions = [self._position(o) for o in operands]
        return Formula(self.expression, self.expression.add(name, *positions), self.owner)

    def _position(self, value: Any) -> int:
        if isinstance(value, Formula):
            if value.expression is not self.expression:
                raise NotElementwise(f"{self.owner} computes with a value of another expression")
            return value.position
        if isinstance(value, numbers.Real):
            return self.expression.add("constant", value=float(value))
        raise NotElementwise(f"{self.owner} computes with a {type(value).__name__}")

    def __add__(self, other: Any) -> Formula:
        return self.made("add", self, other)

    def __sub__(self, other: Any) -> Formula:
        return self.made("sub", self, other)

    def __mul__(self, other: Any) -> Formula:
        return self.made("mul", self, other)

    def __truediv__(self, other: Any) -> Formula:
        return self.made("div", self, other)

    def __radd__(self, other: Any) -> Formula:
        return self.made("add", other, self)

    def __rsub__(self, other: Any) -> Formula:
        return self.made("sub", other, self)

    def __rmul__(self, other: Any) -> Formula:
        return self.made("mul", other, self)

    def __rtruediv__(self, other: Any) -> Formula:
        return self.made("div", other, self)

    def __neg__(self) -> Formula:
        return 0.0 - self

    def __pos__(self) -> Formula:
        return self

    def __abs__(self) -> Formula:
        return self.made("abs", self)

    def __pow__(self, exponent: Any) -> Formula:
        if not (isinstance(exponent, int) and 1 <= exponent <= LARGEST_POWER):
            raise NotElementwise(
                f"{self.owner} takes the power {exponent!r}; expected a whole number from 1 to "
                f"{LARGEST_POWER}, or nirx.formulas.power"
            )
        result = self
        for _ in range(exponent - 1):
            result = result * self
        return result

    def __rpow__(self, base: Any) -> Formula:
        """E ** x is exp(x); another base has its logarithm in the exponent."""
        if not (isinstance(base, numbers.Real) and 0 < float(base) < math.inf):
            raise NotElementwise(f"{self.owner} takes a power of {base!r}")
        rate = math.log(float(base))
        return self.made("exp", self if rate == 1 else rate * self)

    def __gt__(self, other: Any) -> Formula:
        return self.made("greater", self, other)

    def __ge__(self, other: Any) -> Formula:
        return self.made("greater_equal", self, other)

    def __lt__(self, other: Any) -> Formula:
        return self.made("greater", other, self)

    def __le__(self, other: Any) -> Formula:
        return self.made("greater_equal", other, self)

    def __bool__(self) -> bool:
        raise NotElementwise(f"{self.owner} decides by a value; use nirx.formulas.where")


def _formula(*values: Any) -> Formula:
    """The first formula among these."""
    found = next((v for v in values if isinstance(v, Formula)), None)
    if found is None:
        kinds = ", ".join(type(v).__name__ for v in values)
        raise NotElementwise(f"a function of nirx.formulas is called with {kinds}, no formula")
    return found


def exp(a: Any) -> Formula:
    """E ** a."""
    return _formula(a).made("exp", a)


def log(a: Any) -> Formula:
    """The natural logarithm of a."""
    return _formula(a).made("log", a)


def sqrt(a: Any) -> Formula:
    """The square root of a."""
    return _formula(a).made("sqrt", a)


def tanh(a: Any) -> Formula:
    """The hyperbolic tangent of a."""
    return _formula(a).made("tanh", a)


def sigmoid(a: Any) -> Formula:
    """1 / (1 + exp(-a))."""
    return 1.0 / (1.0 + exp(-a))


def floor(a: Any) -> Formula:
    """The largest whole number that is not above a."""
    return _formula(a).made("floor", a)


def absolute(a: Any) -> Formula:
    """The magnitude of a."""
    return _formula(a).made("abs", a)


def power(a: Any, b: Any) -> Formula:
    """a ** b."""
    return _formula(a, b).made("power", a, b)


def where(condition: Any, a: Any, b: Any) -> Formula:
    """`a` where a condition is not 0, else `b`."""
    return _formula(condition, a, b).made("select", condition, a, b)


def minimum(a: Any, b: Any) -> Formula:
    """The smaller of a and b."""
    return where(_formula(a, b).made("greater", b, a), a, b)


def maximum(a: Any, b: Any) -> Formula:
    """The larger of a and b."""
    return where(_formula(a, b).made("greater", a, b), a, b)


def clamp(a: Any, smallest: Any = None, largest: Any = None) -> Formula:
    """`a`, at least smallest and at most largest; None is no limit."""
    if smallest is not None:
        a = where(_formula(a, smallest).made("greater", smallest, a), smallest, a)
    if largest is not None:
        a = where(_formula(a, largest).made("greater", a, largest), largest, a)
    return _formula(a)


def spike(v: Any, threshold: Any = 0.0, at_threshold: bool = False) -> Formula:
    """1 where v is above the threshold, else 0, with the surrogate's gradient.

    Arguments:
        at_threshold: whether there is a spike at the threshold itself too.
    """
    own = _formula(v, threshold)
    above = own.made("greater_equal" if at_threshold else "greater", v, threshold)
    return own.made("spike", above, v, threshold)


def detach(a: Any) -> Formula:
    """The value of a, without gradient."""
    return _formula(a).made("detach", a)
