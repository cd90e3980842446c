"""Names in a graph are data: what is printed of them has no control codes."""

from __future__ import annotations

from typing import Any

__all__ = ["printable"]


def printable(value: Any) -> str:
    """A value as text in which nothing but printable characters stands as it is."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))
