"""The fixed sequences of exp and tanh as functions that a kernel calls.

Each stands for a hundred operations. As a function its text is compiled once in a kernel, however
often a step calls it, and the operations and their order stay: the bits are those of the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from nirx.dynamics.expression import Expression
from nirx.dynamics.functions import exponential, hyperbolic_tangent
from nirx.execution.kernels.adjoint import print_adjoint
from nirx.execution.kernels.printing import print_expression
from nirx.execution.kernels.symbolic import ReproducibleSymbolicOps
from nirx.execution.reproducible import SMALLEST

__all__ = ["SEQUENCES", "heading"]

SEQUENCES = {"exponential": exponential, "hyperbolic_tangent": hyperbolic_tangent}
"""By the name of their operation."""


def heading(body: Sequence[str], dtype: str) -> list[str]:
    """The lines before a kernel: its dtype F and the functions that its body calls."""
    text = "\n".join(body)
    lines = [f"F = np.{dtype}"]
    for name in SEQUENCES:
        for function, backwards in ((name, False), (f"{name}_back", True)):
            if f"{function}(" in text:
                lines += _function(name, dtype, backwards)
    return lines


@lru_cache(maxsize=16)
def _function(name: str, dtype: str, backwards: bool) -> tuple[str, ...]:
    """The text of a sequence of x, or of the gradient of x from g, that of the sequence's value."""
    expression, bound = Expression(), repr(SMALLEST[dtype])
    ops = ReproducibleSymbolicOps(expression, dtype)
    y = SEQUENCES[name](ops, ops.input("x")).position
    printed = print_expression(expression, {"x": "x"}, [y], bound)
    first, result = f"def {name}(x):", printed.value(y)
    if backwards:
        no_spikes = Expression()
        first = f"def {name}_back(x, g):"
        result = print_adjoint(printed, {y: "g"}, frozenset({"x"}), no_spikes)["x"]
    return "@njit", first, *(f"    {line}" for line in (*printed.lines, f"return {result}"))
