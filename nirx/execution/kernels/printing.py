"""From an expression to lines of Python that numba compiles: one assignment per operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nirx.dynamics.expression import Expression

__all__ = ["Printed", "narrowing", "paired_sum", "print_expression"]

BINARY = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
COMPARISONS = {"greater": ">", "greater_equal": ">="}
FUNCTIONS = {
    "floor": "np.floor",
    "abs": "abs",
    "exp": "np.exp",
    "log": "np.log",
    "sqrt": "np.sqrt",
    "tanh": "np.tanh",
    "power": "np.power",
    "exponential": "exponential",
    "hyperbolic_tangent": "hyperbolic_tangent",
}
UNCHANGED = ("spike", "detach")
"""Operations that differ from their first operand in the gradient only."""


class Printed:
    """The lines of an expression, and how later lines name its values.

    The order is that of the expression and no line has two roundings. LLVM does not contract a
    product and a sum unless it is told to, so the bits are those of the separate operations.

    Arguments:
        lines: the text so far; a caller may go on printing to it.
        bound: B of reproducible mode as text, for "keep".
        prefix: of the names of values, where several expressions share a loop.
    """

    def __init__(
        self, expression: Expression, inputs: Mapping[str, str], bound: str, prefix: str = ""
    ):
        self.expression, self.bound, self.prefix = expression, bound, prefix
        self.lines: list[str] = []
        self._inputs = inputs
        self._text: dict[int, str] = {}

    def value(self, position: int) -> str:
        """The name of a printed value."""
        return self._text[position]

    def test(self, position: int) -> str:
        """A condition that is true where a value is not 0."""
        operation = self.expression.operations[position]
        if operation.name in UNCHANGED:
            return self.test(operation.operands[0])
        if operation.name in COMPARISONS:
            return f"{self.prefix}b{position}"
        return f"({self.value(position)} != F(0))"

    def print(self, position: int) -> None:
        """Print one operation, after its operands."""
        operation = self.expression.operations[position]
        name = f"{self.prefix}t{position}"
        operands = [self._text[o] for o in operation.operands]
        if operation.name == "input":
            name = self._inputs[str(operation.value)]
        elif operation.name == "constant":
            name = f"F({_number(str(operation.value))})"
        elif operation.name in UNCHANGED:
            name = operands[0]
        elif operation.name in BINARY:
            self.lines.append(f"{name} = {operands[0]} {BINARY[operation.name]} {operands[1]}")
        elif operation.name in COMPARISONS:
            a, b = operands
            test = self.test(position)
            self.lines.append(f"{test} = {a} {COMPARISONS[operation.name]} {b}")
            self.lines.append(f"{name} = F(1) if {test} else F(0)")
        elif operation.name == "select":
            test = self.test(operation.operands[0])
            self.lines.append(f"{name} = {operands[1]} if {test} else {operands[2]}")
        elif operation.name == "keep":
            (a,) = operands
            self.lines.append(f"{name} = F(0) if abs({a}) < F({self.bound}) else {a}")
        elif operation.name in FUNCTIONS:
            self.lines.append(f"{name} = {FUNCTIONS[operation.name]}({', '.join(operands)})")
        else:
            raise AssertionError(f"no text for {operation.name}")
        self._text[position] = name


def _number(text: str) -> str:
    """A float's repr as an expression: infinities and NaN have no literal."""
    return {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(text, text)


def print_expression(
    expression: Expression,
    inputs: Mapping[str, str],
    wanted: Sequence[int],
    bound: str,
    prefix: str = "",
) -> Printed:
    """Print what some values need.

    Arguments:
        inputs: the text of every input.
        wanted: positions of the values.
        bound, prefix: as for `Printed`.
    """
    printed = Printed(expression, inputs, bound, prefix)
    for position, needed in enumerate(expression.needed(wanted)):
        if needed:
            printed.print(position)
    return printed


def narrowing(total: str, factors: tuple[str, str], finite: str, bound: str) -> list[str]:
    """Lines from the sum of a sliced product of 0 and 1 to d, its result in float64.

    They follow `nirx.execution.sliced.dot` and `nirx.execution.reproducible.Reproducible`.

    Arguments:
        total: the text of the sum of slices.
        factors: of the two factors that undo the scaling.
        finite: of a number that is not 0 where the weight's row is finite.
        bound: B of reproducible mode.
    """
    first, second = factors
    return [
        f"d = {total}",
        f"d = d * {first} * {second}",
        f"d = d if {finite} != 0 else np.nan",
        f"d = 0.0 if abs(d) < {bound} else d",
    ]


def paired_sum(terms: Sequence[str]) -> str:
    """The text of a sum whose neighbours are added first: (a + b) + (c + d)."""
    pairs = [f"({' + '.join(terms[i : i + 2])})" for i in range(0, len(terms), 2)]
    return " + ".join(pairs)
