"""Tables on a terminal."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich.console import Console
from rich.text import Text

from nirx.basics.printable import printable

__all__ = ["MOST_ROWS", "cell", "render", "shape_text"]

MOST_ROWS = 200
"""Limit for the rows of a table; further rows are counted, not shown."""


def cell(value: Any) -> Text:
    """A value as literal text, without markup or control codes."""
    return Text(printable(value))


def shape_text(shape: tuple[int, ...]) -> str:
    """`"16x8x8"`; a scalar is `"1"`."""
    return "x".join(map(str, shape)) or "1"


def render(table: Any, width: int = 120) -> str:
    """A rich renderable as plain text."""
    stream = StringIO()
    Console(file=stream, width=width, color_system=None).print(table)
    return stream.getvalue().rstrip()
