"""Text for messages, of names in a graph, which may contain anything and be of any length."""

from __future__ import annotations

from typing import Any

from nirx.errors import shortened

__all__ = ["printable", "quoted"]


def printable(value: Any) -> str:
    """A value as text, with every character that is not printable escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))


def quoted(name: Any) -> str:
    """A name in quotes, as Python writes it, without its middle if it is long."""
    return repr(shortened(name)) if isinstance(name, str) else shortened(repr(name))
