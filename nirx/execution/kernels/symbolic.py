"""`SymbolicOps`: the `Ops` protocol on symbols, so that a step writes down what it computes."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from nirx.dynamics.expression import Expression, NotElementwise
from nirx.execution.reproducible import SMALLEST, Reproducible

__all__ = ["CallingSymbolicOps", "ReproducibleSymbolicOps", "Symbol", "SymbolicOps"]


class Symbol:
    """A value of an expression in place of an array."""

    def __init__(self, expression: Expression, position: int):
        self.expression, self.position = expression, position

    def __getattr__(self, name: str) -> Any:
        raise NotElementwise(f"its step asks for .{name} of an array")

    def __bool__(self) -> bool:
        raise NotElementwise("its step decides by the values of an array")


def _forbidden(symbol: str) -> Any:
    def method(self: Symbol, *others: Any) -> Any:
        raise NotElementwise(f"its step computes with {symbol} instead of an operation of Ops")

    return method


for _name, _symbol in {
    **{f"__{a}{n}__": s for a in ("", "r") for n, s in (("add", "+"), ("sub", "-"), ("mul", "*"))},
    "__truediv__": "/",
    "__rtruediv__": "/",
    "__pow__": "**",
    "__neg__": "-",
    "__abs__": "abs",
    "__lt__": "<",
    "__le__": "<=",
    "__gt__": ">",
    "__ge__": ">=",
    "__getitem__": "an index",
}.items():
    setattr(Symbol, _name, _forbidden(_symbol))


class SymbolicOps:
    """Writes operations into an expression; everything that is not elementwise is refused."""

    def __init__(self, expression: Expression, detach_reset: bool = False):
        self.expression, self.detach_reset = expression, detach_reset

    def input(self, name: str) -> Symbol:
        """A coefficient, a state variable or the input of the step."""
        return Symbol(self.expression, self.expression.add("input", value=name))

    def constant(self, value: Any) -> Symbol:
        array = np.asarray(value)
        if array.ndim or not isinstance(array.item(), numbers.Real):
            raise NotElementwise("its step uses an array of constants")
        return Symbol(self.expression, self.expression.add("constant", value=float(value)))

    def _apply(self, name: str, *operands: Any) -> Symbol:
        if not all(isinstance(o, Symbol) for o in operands):
            raise NotElementwise(f"its step passes something else than arrays to ops.{name}")
        return Symbol(self.expression, self.expression.add(name, *(o.position for o in operands)))

    def use(self, value: Symbol) -> Symbol:
        return value

    def zeros(self, shape: Any) -> Symbol:
        return self.constant(0.0)

    def add(self, a: Symbol, b: Symbol) -> Symbol:
        return self._apply("add", a, b)

    def sub(self, a: Symbol, b: Symbol) -> Symbol:
        return self._apply("sub", a, b)

    def mul(self, a: Symbol, b: Symbol) -> Symbol:
        return self._apply("mul", a, b)

    def div(self, a: Symbol, b: Symbol) -> Symbol:
        return self._apply("div", a, b)

    def power(self, a: Symbol, b: Symbol) -> Symbol:
        return self._apply("power", a, b)

    def floor(self, a: Symbol) -> Symbol:
        return self._apply("floor", a)

    def abs(self, a: Symbol) -> Symbol:
        return self._apply("abs", a)

    def exp(self, a: Symbol) -> Symbol:
        return self._apply("exp", a)

    def log(self, a: Symbol) -> Symbol:
        return self._apply("log", a)

    def sqrt(self, a: Symbol) -> Symbol:
        return self._apply("sqrt", a)

    def tanh(self, a: Symbol) -> Symbol:
        return self._apply("tanh", a)

    def greater(self, a: Symbol, b: Symbol) -> Symbol:
        return self._apply("greater", a, b)

    def greater_equal(self, a: Symbol, b: Symbol) -> Symbol:
        return self._apply("greater_equal", a, b)

    def select(self, mask: Symbol, a: Symbol, b: Symbol) -> Symbol:
        return self._apply("select", mask, a, b)

    def with_surrogate(self, spikes: Symbol, v: Symbol, threshold: Symbol) -> Symbol:
        return self._apply("spike", spikes, v, threshold)

    def stop_gradient(self, a: Symbol) -> Symbol:
        return self._apply("detach", a)

    def copy(self, a: Symbol) -> Symbol:
        return a

    def seal(self, a: Symbol) -> Symbol:
        return a

    def whole(self, a: Symbol) -> Symbol:
        return a

    def __getattr__(self, name: str) -> Any:
        raise NotElementwise(f"its step uses ops.{name}")


class ReproducibleSymbolicOps(Reproducible, SymbolicOps):
    """The same in reproducible mode: "keep" after every operation."""

    def __init__(self, expression: Expression, dtype: str, detach_reset: bool = False):
        super().__init__(expression, detach_reset)
        self._smallest = SMALLEST[dtype]

    def _keep(self, y: Symbol) -> Symbol:
        return self._apply("keep", y)


class CallingSymbolicOps(ReproducibleSymbolicOps):
    """The same with exp and tanh as one operation each: a kernel calls their sequences."""

    def exp(self, a: Symbol) -> Symbol:
        return self._apply("exponential", a)

    def tanh(self, a: Symbol) -> Symbol:
        return self._apply("hyperbolic_tangent", a)
