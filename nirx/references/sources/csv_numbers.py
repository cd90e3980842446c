"""Numbers in CSV files: plain ones, whoever reads the file."""

from __future__ import annotations

from nirx.errors import InputError

__all__ = ["is_number", "require_plain"]


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
