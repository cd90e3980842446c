"""The two kinds of numbers of a golden model: floating point, or the integers of a chip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np

from nirx.dynamics.base import Dynamics
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.expression import Expression
from nirx.golden.literals import float_literal, integer_type, whole_literal
from nirx.golden.printing import FloatPrinter, Printer
from nirx.golden.whole_printing import WholeCoefficient, WholePrinter

__all__ = ["FloatNumbers", "Numbers", "WholeNumbers"]

STATES: Mapping[str, Literal["membrane", "synapse"]] = {"v": "membrane", "i": "synapse"}
"""The state variables of limited bits."""


class Numbers(Protocol):
    """What differs between the two in the C text.

    Arguments:
        dtype: of floating point; None for integers.
        ctype: of the values between nodes.
    """

    @property
    def dtype(self) -> str | None: ...

    @property
    def ctype(self) -> str: ...

    def plus(self, a: str, b: str) -> str:
        """The text of a sum."""
        ...

    def entering(self, value: str, rule: Discretization) -> str:
        """The text of a value that comes in at an Input, whose rule is given."""
        ...

    def state_type(self, dynamics: Dynamics, variable: str) -> str:
        """The type of a state variable."""
        ...

    def cells(self, values: np.ndarray) -> tuple[str, list[str]]:
        """The type and the elements of a table."""
        ...

    def factor(self, values: np.ndarray) -> tuple[str, np.ndarray]:
        """The kind of a coefficient, for `printer`, and what its table holds."""
        ...

    def printer(
        self, expression: Expression, inputs: Mapping[str, str], kinds: Mapping[str, str]
    ) -> Printer:
        """An expression as text; `kinds` are those of `factor`, by the name of the input."""
        ...


class FloatNumbers:
    """Floating point in reproducible mode."""

    def __init__(self, dtype: str):
        self.dtype = dtype
        self.ctype = "float" if dtype == "float32" else "double"

    def plus(self, a: str, b: str) -> str:
        return f"keep({a} + {b})"

    def entering(self, value: str, rule: Discretization) -> str:
        return f"keep({value})"

    def state_type(self, dynamics: Dynamics, variable: str) -> str:
        return self.ctype

    def cells(self, values: np.ndarray) -> tuple[str, list[str]]:
        flat = np.asarray(values, self.dtype).reshape(-1).tolist()
        return self.ctype, [float_literal(value, self.dtype) for value in flat]

    def factor(self, values: np.ndarray) -> tuple[str, np.ndarray]:
        return "value", values

    def printer(
        self, expression: Expression, inputs: Mapping[str, str], kinds: Mapping[str, str]
    ) -> Printer:
        return FloatPrinter(expression, inputs, self.dtype)


class WholeNumbers:
    """Integers."""

    dtype = None
    ctype = "int64_t"

    def plus(self, a: str, b: str) -> str:
        return f"add64({a}, {b})"

    def entering(self, value: str, rule: Discretization) -> str:
        shift = rule.arithmetic.input_shift if rule.arithmetic else 0
        return f"mul64({value}, {whole_literal(2**shift)})" if shift else value

    def state_type(self, dynamics: Dynamics, variable: str) -> str:
        own = dynamics.rule.arithmetic
        if own is None or not dynamics.neuron or variable not in STATES:
            return "int64_t"
        return "int32_t" if own.range_of(STATES[variable])[1] < 2**31 else "int64_t"

    def cells(self, values: np.ndarray) -> tuple[str, list[str]]:
        whole = np.asarray(values).astype(np.int64).reshape(-1)
        ctype = integer_type(whole)
        spelled = whole_literal if ctype == "int64_t" else str
        return ctype, [spelled(value) for value in whole.tolist()]

    def factor(self, values: np.ndarray) -> tuple[str, np.ndarray]:
        found = WholeCoefficient.of(values)
        return found.kind, found.values

    def printer(
        self, expression: Expression, inputs: Mapping[str, str], kinds: Mapping[str, str]
    ) -> Printer:
        return WholePrinter(expression, inputs, kinds)
