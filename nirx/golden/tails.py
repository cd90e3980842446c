"""What a connection does after its sums: a bias, a shift, a factor, traced from its `apply`."""

from __future__ import annotations

from typing import Any

from nirx.dynamics.base import Stateless
from nirx.dynamics.expression import Expression
from nirx.dynamics.pool import SumPool2d
from nirx.execution.kernels.symbolic import ReproducibleSymbolicOps, Symbol, SymbolicOps
from nirx.execution.kernels.trace import OUTPUT
from nirx.golden.model import Model, Node, each

__all__ = ["SUM", "finish", "tail"]

SUM = "sum"
"""The input of the expression: the sum of products, or that of a window."""


class _Window(Symbol):
    """A piece of the input of a pool, and the sum of several."""

    def __getitem__(self, index: Any) -> _Window:
        return self


class _Sums(SymbolicOps):
    """Sums of products and of windows become one input; C computes them in loops."""

    def linear(self, x: Symbol, prepared: Any, binary: bool) -> Symbol:
        return self.input(SUM)

    def conv(self, x: Symbol, prepared: Any, geometry: Any, binary: bool) -> Symbol:
        return self.input(SUM)

    def pad(self, x: Symbol, padding: Any) -> Symbol:
        own = self.input(SUM)
        return _Window(own.expression, own.position)

    def add(self, a: Symbol, b: Symbol) -> Symbol:
        return a if isinstance(a, _Window) and isinstance(b, _Window) else super().add(a, b)


class _ReproducibleSums(_Sums, ReproducibleSymbolicOps):
    """The same in reproducible mode; its sums are kept already."""


def finish(model: Model, node: Node) -> list[str]:
    """The loop that turns the sums in a node's y into its outputs; none where they are these."""
    y = f"s->{node.y.name}[n]"
    lines, result = tail(model, node, y)
    return each(node.gives, [*lines, f"{y} = {result};"]) if len(lines) > 1 else []


def tail(model: Model, node: Node, total: str) -> tuple[list[str], str]:
    """Lines from the sum of element n to its output, and the output's text.

    Arguments:
        total: the text of the sum.
    """
    dynamics = node.place.dynamics
    assert isinstance(dynamics, Stateless)
    expression = Expression()
    dtype = model.numbers.dtype
    ops: Any = _Sums(expression) if dtype is None else _ReproducibleSums(expression, dtype)
    names = {} if isinstance(dynamics, SumPool2d) else dict(node.coefficients)
    weight = {"weight": names.pop("weight", None)}
    symbols = {name: ops.input(f"c.{name}") for name in names}
    result = dynamics.apply(ops, {**weight, **symbols}, ops.input("x"))
    expression.results = {OUTPUT: result.position}
    texts, kinds = model.factors(node, names, node.place.output_shape)
    printed = model.numbers.printer(expression, {**texts, SUM: total}, kinds)
    return printed.lines, printed.result(OUTPUT)
