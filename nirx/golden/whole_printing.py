"""Expressions of whole numbers as C over int64_t.

The steps are written over floating point (`nirx/dynamics/integers/`), where a shift to the right
is `floor(x * 2**-k)`. Here every value is a whole number again: such a floor becomes a shift, or
a division that rounds down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nirx.dynamics.expression import Expression, NotElementwise
from nirx.golden.literals import whole_literal
from nirx.golden.printing import COMPARISONS, UNCHANGED, Printer

__all__ = ["WholeCoefficient", "WholePrinter"]

WHOLE_FUNCTIONS = {"add": "add64", "sub": "sub64", "mul": "mul64"}


@dataclass(frozen=True, eq=False)
class WholeCoefficient:
    """A coefficient of a step as whole numbers.

    Arguments:
        kind: `"whole"`, the numbers themselves; `"shift"`, k of 2**-k; `"divisor"`, n of 1/n.
    """

    kind: Literal["whole", "shift", "divisor"]
    values: np.ndarray

    @staticmethod
    def of(values: np.ndarray) -> WholeCoefficient:
        """**Raises**: `NotElementwise` for numbers that are neither whole nor one over whole."""
        wide = np.asarray(values, np.float64)
        if _whole(wide):
            return WholeCoefficient("whole", wide.astype(np.int64))
        with np.errstate(all="ignore"):
            divisors = np.rint(1.0 / wide)
        if not _whole(divisors) or (divisors < 1).any() or (1.0 / divisors != wide).any():
            raise NotElementwise("a coefficient of its step is not a whole number")
        exponents = np.frexp(divisors)[1] - 1
        if (np.ldexp(1.0, exponents) == divisors).all():
            return WholeCoefficient("shift", exponents.astype(np.int64))
        return WholeCoefficient("divisor", divisors.astype(np.int64))


def _whole(values: np.ndarray) -> bool:
    return bool(
        (np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**62)).all()
    )


class WholePrinter(Printer):
    """Operations on int64_t, none of which is undefined for any operand.

    Arguments:
        kinds: of the inputs that are coefficients; all others are whole.
    """

    ctype = "int64_t"

    def __init__(self, expression: Expression, inputs: Mapping[str, str], kinds: Mapping[str, str]):
        self._kinds = kinds
        self._is_whole: list[bool] = []
        for position in range(len(expression.operations)):
            self._is_whole.append(self._whole(expression, position))
        super().__init__(expression, inputs)

    def _whole(self, expression: Expression, position: int) -> bool:
        own = expression.operations[position]
        if own.name == "input":
            return self._kinds.get(str(own.value), "whole") == "whole"
        if own.name == "constant":
            return float(str(own.value)).is_integer()
        if own.name == "floor" or own.name in COMPARISONS:
            return True
        if own.name == "div":
            return False
        operands = own.operands[1:] if own.name == "select" else own.operands
        return all(self._is_whole[o] for o in operands[: 1 if own.name in UNCHANGED else None])

    def loaded(self, text: str) -> str:
        return f"(int64_t){text}"

    def constant(self, position: int, value: float) -> str:
        return whole_literal(int(value)) if self._is_whole[position] else ""

    def operation(self, position: int, name: str, operands: tuple[int, ...]) -> str:
        if name == "floor":
            (inner,) = operands
            if self._is_whole[inner]:
                return self.text(inner)
            return self.line(position, self._down(inner))
        if not self._is_whole[position] and name == "mul":
            return ""  # the floor of it is printed
        if not self._is_whole[position] or name not in WHOLE_FUNCTIONS:
            raise NotElementwise(f"its step uses {name} on numbers that are not whole")
        return self.line(
            position, f"{WHOLE_FUNCTIONS[name]}({', '.join(map(self.text, operands))})"
        )

    def _down(self, product: int) -> str:
        """The text of the floor of a whole number times one over a whole number."""
        own = self.expression.operations[product]
        if own.name == "mul":
            for x, factor in (own.operands, own.operands[::-1]):
                part = self.expression.operations[factor]
                if not self._is_whole[x] or self._is_whole[factor]:
                    continue
                if part.name == "constant":
                    found = WholeCoefficient.of(np.asarray(float(str(part.value))))
                    kind, text = found.kind, str(int(found.values))
                elif part.name == "input":
                    kind, text = self._kinds[str(part.value)], self.text(factor)
                else:
                    continue
                function = "shift_down" if kind == "shift" else "divide_down"
                return f"{function}({self.text(x)}, {text})"
        raise NotElementwise("its step rounds down what is no whole number over a whole number")
