"""`Expression`: what a step computes, one operation after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["ARITIES", "OF_REPRODUCIBLE_MODE", "Expression", "NotElementwise", "Operation"]

ARITIES = {
    "add": 2,
    "sub": 2,
    "mul": 2,
    "div": 2,
    "power": 2,
    "floor": 1,
    "abs": 1,
    "exp": 1,
    "log": 1,
    "sqrt": 1,
    "tanh": 1,
    "greater": 2,
    "greater_equal": 2,
    "select": 3,
    "spike": 3,
    "detach": 1,
    "keep": 1,
    "exponential": 1,
    "hyperbolic_tangent": 1,
}
"""Operations and their numbers of operands: those of `nirx.dynamics.ops.Ops`.

"spike" (spikes, v, threshold) is its first operand, with the surrogate's gradient; "detach" is its
operand without gradient.
"""

OF_REPRODUCIBLE_MODE = ("keep", "exponential", "hyperbolic_tangent")
"""Operations that no step holds itself. "keep" is +0 where the magnitude is below the bound of
reproducible mode; the others are the sequences of `nirx.dynamics.functions`, as calls."""


class NotElementwise(Exception):  # control flow, not an error for users
    """A step does something that no loop over single elements can do. The text says what."""


@dataclass(frozen=True)
class Operation:
    """An operation on earlier values.

    Arguments:
        name: a key of ARITIES, `"input"` or `"constant"`.
        operands: positions of earlier operations.
        value: the name of an input, or the number of a constant.
    """

    name: str
    operands: tuple[int, ...] = ()
    value: str | float = ""


@dataclass(eq=False)
class Expression:
    """Operations in the order in which a step computes them; equal ones are one.

    The order fixes every rounding, so a kernel that follows it has the bits of the step.
    """

    operations: list[Operation] = field(default_factory=list)
    results: dict[str, int] = field(default_factory=dict)
    """Positions of what the step returns, by name: "y" and the state variables."""
    _known: dict[Operation, int] = field(default_factory=dict, repr=False)

    def add(self, name: str, *operands: int, value: str | float = "") -> int:
        """The position of an operation, which is appended unless it is there already."""
        operation = Operation(name, operands, value)
        # repr: 0.0 and -0.0 are equal, but not the same constant.
        if name == "constant":
            operation = Operation(name, operands, repr(value))
        if operation not in self._known:
            self._known[operation] = len(self.operations)
            self.operations.append(operation)
        return self._known[operation]

    def needed(self, wanted: Sequence[int], known: Sequence[int] = ()) -> list[bool]:
        """For each operation, whether a wanted one depends on it.

        Arguments:
            known: positions of values that are there already, whose operands are not needed.
        """
        open_ = [True] * len(self.operations)
        for position in known:
            open_[position] = False
        marks = [False] * len(self.operations)
        for position in wanted:
            marks[position] = True
        for position in range(len(marks) - 1, -1, -1):
            if marks[position] and open_[position]:
                for operand in self.operations[position].operands:
                    marks[operand] = True
        return marks

    def used_inputs(self) -> list[str]:
        """Names of the inputs that the results depend on."""
        needed = zip(self.operations, self.needed(list(self.results.values())), strict=True)
        return [str(o.value) for o, need in needed if need and o.name == "input"]
