"""From a surrogate, a Python function of u = v - threshold, to an expression."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from nirx.execution.kernels.expression import Expression
from nirx.execution.kernels.symbolic import NotElementwise

__all__ = ["has_formula", "trace_surrogate"]

LARGEST_POWER = 16


class _Number:
    """A number of a surrogate's formula."""

    def __init__(self, expression: Expression, position: int):
        self.expression, self.position = expression, position

    def _other(self, value: Any) -> int:
        if isinstance(value, _Number):
            return value.position
        if isinstance(value, numbers.Real):
            return self.expression.add("constant", value=float(value))
        raise NotElementwise(f"its surrogate computes with a {type(value).__name__}")

    def _apply(self, name: str, *operands: int) -> _Number:
        return _Number(self.expression, self.expression.add(name, *operands))

    def __add__(self, other: Any) -> _Number:
        return self._apply("add", self.position, self._other(other))

    def __sub__(self, other: Any) -> _Number:
        return self._apply("sub", self.position, self._other(other))

    def __mul__(self, other: Any) -> _Number:
        return self._apply("mul", self.position, self._other(other))

    def __truediv__(self, other: Any) -> _Number:
        return self._apply("div", self.position, self._other(other))

    def __radd__(self, other: Any) -> _Number:
        return self._apply("add", self._other(other), self.position)

    def __rsub__(self, other: Any) -> _Number:
        return self._apply("sub", self._other(other), self.position)

    def __rmul__(self, other: Any) -> _Number:
        return self._apply("mul", self._other(other), self.position)

    def __rtruediv__(self, other: Any) -> _Number:
        return self._apply("div", self._other(other), self.position)

    def __neg__(self) -> _Number:
        return 0.0 - self

    def __abs__(self) -> _Number:
        return self._apply("abs", self.position)

    def __pow__(self, exponent: Any) -> _Number:
        if not (isinstance(exponent, int) and 1 <= exponent <= LARGEST_POWER):
            raise NotElementwise(f"its surrogate takes the power {exponent!r}")
        result = self
        for _ in range(exponent - 1):
            result = result * self
        return result

    def __rpow__(self, base: Any) -> _Number:
        """E ** x is exp(x); another base has its logarithm in the exponent."""
        if not (isinstance(base, numbers.Real) and 0 < float(base) < math.inf):
            raise NotElementwise(f"its surrogate takes a power of {base!r}")
        rate = math.log(float(base))
        exponent = self if rate == 1 else rate * self
        return self._apply("exp", exponent.position)

    def __gt__(self, other: Any) -> _Number:
        return self._apply("greater", self.position, self._other(other))

    def __ge__(self, other: Any) -> _Number:
        return self._apply("greater_equal", self.position, self._other(other))

    def __lt__(self, other: Any) -> _Number:
        return self._apply("greater", self._other(other), self.position)

    def __le__(self, other: Any) -> _Number:
        return self._apply("greater_equal", self._other(other), self.position)

    def __bool__(self) -> bool:
        raise NotElementwise("its surrogate decides by a value")


@lru_cache(maxsize=256)
def trace_surrogate(surrogate: Callable[[Any], Any]) -> Expression:
    """The expression of a surrogate: one input "u", one result "slope".

    **Raises**: `NotElementwise` for a function that needs more than operators and `abs`.
    """
    expression = Expression()
    try:
        slope = surrogate(_Number(expression, expression.add("input", value="u")))
    except NotElementwise:
        raise
    except Exception as error:  # a user's function may call its framework
        raise NotElementwise(f"its surrogate fails on symbols: {error!r:.200}") from error
    if not isinstance(slope, _Number):
        raise NotElementwise("its surrogate returns something else than a formula of u")
    expression.results = {"slope": slope.position}
    return expression


def has_formula(surrogate: Callable[[Any], Any]) -> bool:
    """Whether kernels can follow a surrogate."""
    try:
        trace_surrogate(surrogate)
    except NotElementwise:
        return False
    return True
