"""Numbers in CSV files: plain ones, whoever reads the file."""

from __future__ import annotations

import math

from nirx.dynamics.ops import Shape
from nirx.errors import InputError

__all__ = ["is_number", "read_finite", "read_place", "read_value", "require_plain"]


def require_plain(where: str, column: str, text: str) -> None:
    """Refuse what Python takes for a number and no other program writes: "1_0", other digits.

    It is a slip (of the pen, or of a decoder) that would go into the run as a number.

    **Raises**: `InputError` that names the line.
    """
    if not text.isascii() or "_" in text:
        raise InputError(
            f"{where}: {column} is {text!r:.80}; expected a number in the digits 0 to 9, "
            "without '_'"
        )


def is_number(text: str) -> bool:
    """Whether Python takes a cell for a number, finite or not."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_place(where: str, column: str, text: str, sizes: Shape) -> tuple[int, ...]:
    """A place whose axes are parted by ";". **Raises** `InputError` that names the line."""
    parts = text.split(";") if text else ["0"] * len(sizes)
    require_plain(where, column, text)
    if not text and any(size != 1 for size in sizes):
        raise InputError(f"{where}: no {column}; expected {_expected(sizes)}")
    try:
        place = tuple(int(part) for part in parts)
    except ValueError:
        raise InputError(
            f"{where}: {column} is {text!r:.80}; expected {_expected(sizes)}"
        ) from None
    within = all(0 <= i < size for i, size in zip(place, sizes, strict=False))
    if len(place) != len(sizes) or not within:
        raise InputError(f"{where}: {column} is {text!r:.80}; expected {_expected(sizes)}")
    return place


def _expected(sizes: Shape) -> str:
    if not sizes:
        return "nothing: there is no such axis"
    return " ; ".join(f"0..{size - 1}" for size in sizes)


def read_value(where: str, text: str, spikes: bool) -> float:
    """A finite number; 1 for a spike without one. **Raises** `InputError`."""
    return 1.0 if not text and spikes else read_finite(where, "value", text)


def read_finite(where: str, column: str, text: str) -> float:
    """A finite number. **Raises** `InputError` that names the line."""
    require_plain(where, column, text)
    value = float(text) if is_number(text) else math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {column} is {text!r:.80}; expected a finite number")
    return value
