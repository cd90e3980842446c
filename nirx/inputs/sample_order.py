"""The order of samples that have names."""

from __future__ import annotations

__all__ = ["by_number"]


def by_number(name: str) -> tuple[bool, int, str]:
    """A key for sorting: whole numbers in numerical order, then the others by code point."""
    number = name.isascii() and name.isdecimal() and len(name) < 19
    return not number, int(name) if number else 0, name
