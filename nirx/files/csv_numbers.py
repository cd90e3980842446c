"""Numbers in CSV files."""

from __future__ import annotations

import math

from nirx.dynamics.ops import Shape
from nirx.errors import InputError

__all__ = ["is_number", "read_finite", "read_place", "read_value", "require_plain"]


def require_plain(where: str, column: str, text: str) -> None:
    """Refuse numbers that only Python accepts, such as "1_0" or digits of other scripts.

    No program writes them; they are typing or decoding errors.

    Arguments:
        where: the file and line, for the error.
        column: the name of the column, for the error.

    **Raises**: `InputError`.
    """
    if not text.isascii() or "_" in text:
        raise InputError(
            f"{where}: {column} is {text!r:.80}; expected a number in the digits 0 to 9, "
            "without '_'"
        )


def is_number(text: str) -> bool:
    """Whether Python reads a cell as a number, finite or not."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_place(where: str, column: str, text: str, sizes: Shape) -> tuple[int, ...]:
    """An index with ";" between its axes; an empty cell if every axis has size 1.

    **Raises**: `InputError`.
    """
    require_plain(where, column, text)
    try:
        place = tuple(map(int, text.split(";"))) if text else (0,) * len(sizes)
        good = all(0 <= index < size for index, size in zip(place, sizes, strict=True))
    except ValueError:  # also where the number of axes is wrong
        place, good = (), False
    if not good or (not text and any(size != 1 for size in sizes)):
        found = f"{column} is {text!r:.80}" if text else f"no {column}"
        ranges = " ; ".join(f"0..{size - 1}" for size in sizes)
        raise InputError(f"{where}: {found}; expected {ranges or 'nothing: there is no such axis'}")
    return place


def read_value(where: str, text: str, spikes: bool) -> float:
    """A finite number, or 1 for a spike without a value.

    **Raises**: `InputError`.
    """
    return 1.0 if not text and spikes else read_finite(where, "value", text)


def read_finite(where: str, column: str, text: str) -> float:
    """A finite number.

    **Raises**: `InputError`.
    """
    require_plain(where, column, text)
    value = float(text) if is_number(text) else math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {column} is {text!r:.80}; expected a finite number")
    return value
