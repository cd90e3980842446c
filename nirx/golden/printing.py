"""From an expression to lines of C: one constant per operation, in the order of the expression."""

from __future__ import annotations

from collections.abc import Mapping

from nirx.dynamics.expression import Expression, NotElementwise
from nirx.golden.literals import float_literal

__all__ = ["FloatPrinter", "Printer", "used_operations"]

COMPARISONS = {"greater": ">", "greater_equal": ">="}
UNCHANGED = ("spike", "detach")
"""Operations that differ from their first operand in the gradient only."""


def used_operations(expression: Expression) -> list[bool]:
    """For each operation, whether a result depends on its value (not on its gradient alone)."""
    marks = [False] * len(expression.operations)
    for position in expression.results.values():
        marks[position] = True
    for position in range(len(marks) - 1, -1, -1):
        if marks[position]:
            own = expression.operations[position]
            for operand in own.operands[:1] if own.name in UNCHANGED else own.operands:
                marks[operand] = True
    return marks


class Printer:
    """Prints an expression; a subclass has the operations of one kind of numbers.

    Arguments:
        inputs: the text of every input.

    Attributes:
        lines: of C.
        used: names of the inputs that they read.
    """

    ctype: str

    def __init__(self, expression: Expression, inputs: Mapping[str, str]):
        self.expression = expression
        self.lines: list[str] = []
        self.used: set[str] = set()
        self._inputs, self._texts = inputs, {}
        for position, used in enumerate(used_operations(expression)):
            if used:
                self._texts[position] = self._print(position)

    def result(self, name: str) -> str:
        """The text of a result."""
        return self._texts[self.expression.results[name]]

    def line(self, position: int, text: str, ctype: str = "", letter: str = "t") -> str:
        """Print an assignment to a new constant, and return its name."""
        name = f"{letter}{position}"
        self.lines.append(f"const {ctype or self.ctype} {name} = {text};")
        return name

    def text(self, position: int) -> str:
        """The text of a value that was printed."""
        return self._texts[position]

    def _print(self, position: int) -> str:
        own = self.expression.operations[position]
        if own.name == "input":
            self.used.add(str(own.value))
            return self.line(position, self.loaded(self._inputs[str(own.value)]))
        if own.name == "constant":
            return self.constant(position, float(str(own.value)))
        if own.name in UNCHANGED:
            return self.text(own.operands[0])
        if own.name in COMPARISONS:
            a, b = map(self.text, own.operands)
            name = self.line(position, f"{a} {COMPARISONS[own.name]} {b}", "int", "b")
            return f"({self.ctype}){name}"
        if own.name == "select":
            _, a, b = map(self.text, own.operands)
            return self.line(position, f"{self._test(own.operands[0])} ? {a} : {b}")
        return self.operation(position, own.name, own.operands)

    def _test(self, position: int) -> str:
        """A condition that is true where a value is not 0."""
        own = self.expression.operations[position]
        if own.name in UNCHANGED:
            return self._test(own.operands[0])
        return f"b{position}" if own.name in COMPARISONS else f"({self.text(position)} != 0)"

    def loaded(self, text: str) -> str:
        """An input in the type of the operations."""
        return text

    def constant(self, position: int, value: float) -> str:
        raise NotImplementedError

    def operation(self, position: int, name: str, operands: tuple[int, ...]) -> str:
        """Print an operation whose text depends on the numbers, and return the text of its value.

        **Raises**: `NotElementwise` for one that these numbers do not have.
        """
        raise NotImplementedError


FLOAT_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
FLOAT_FUNCTIONS = {"keep": "keep", "floor": "floor_of", "abs": "size_of"}


class FloatPrinter(Printer):
    """Operations on float or double, each rounded once."""

    def __init__(self, expression: Expression, inputs: Mapping[str, str], dtype: str):
        self.dtype, self.ctype = dtype, "float" if dtype == "float32" else "double"
        super().__init__(expression, inputs)

    def constant(self, position: int, value: float) -> str:
        return float_literal(value, self.dtype)

    def operation(self, position: int, name: str, operands: tuple[int, ...]) -> str:
        texts = [self.text(o) for o in operands]
        if name in FLOAT_SIGNS:
            return self.line(position, f"{texts[0]} {FLOAT_SIGNS[name]} {texts[1]}")
        if name not in FLOAT_FUNCTIONS:
            raise NotElementwise(f"its step uses {name}, which is not printed in C")
        return self.line(position, f"{FLOAT_FUNCTIONS[name]}({texts[0]})")
