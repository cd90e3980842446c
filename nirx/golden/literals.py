"""Numbers and tables as C text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["INTEGER_TYPES", "float_literal", "integer_type", "table", "whole_literal"]

INTEGER_TYPES = {"int8_t": 8, "int16_t": 16, "int32_t": 32, "int64_t": 64}
COLUMNS = 96
"""Of a line of a table."""


def float_literal(value: float, dtype: str) -> str:
    """A number as a hexadecimal constant, which no compiler rounds."""
    if math.isnan(value):
        return "NAN" if dtype == "float32" else "(double)NAN"
    if math.isinf(value):
        text = "INFINITY" if dtype == "float32" else "(double)INFINITY"
        return text if value > 0 else f"-{text}"
    mantissa, exponent = float(value).hex().split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{exponent}" + ("f" if dtype == "float32" else "")


def whole_literal(value: int) -> str:
    """A number as a constant of 64 bits."""
    return f"INT64_C({value})" if value >= 0 else f"(-INT64_C({-value}))"


def integer_type(values: np.ndarray) -> str:
    """The narrowest type that holds whole numbers."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    return next(
        name
        for name, bits in INTEGER_TYPES.items()
        if -(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1)
    )


def table(ctype: str, name: str, values: Sequence[str]) -> str:
    """A constant array; C has none without elements, so an empty one gets a 0."""
    lines, line = [], ""
    for value in values or ["0"]:
        if line and len(line) + len(value) + 2 > COLUMNS:
            lines.append(line)
            line = ""
        line += f"{value}, " if value else ""
    lines.append(line)
    body = "\n".join(f"    {own.rstrip()}" for own in lines)
    return f"static const {ctype} {name}[{max(1, len(values))}] = {{\n{body}\n}};"
