"""The tables of a terminal as HTML that takes its colours from the page around it."""

from __future__ import annotations

from html import escape
from typing import Any

from rich.table import Table
from rich.text import Text

from nirx.basics.printable import printable

__all__ = ["escaped", "parts_html", "table_html"]

LINE = "1px solid rgba(128,128,128,.45)"
"""Visible on light and on dark ground."""
TABLE = (
    "border-collapse:collapse;color:inherit;background:transparent;"
    "font-variant-numeric:tabular-nums;margin:.5em 0"
)
CELL = "padding:.2em .7em;vertical-align:top;color:inherit;background:transparent"


def escaped(value: Any) -> str:
    """A value as HTML text, without control codes; good in an attribute with quotes too."""
    return escape(printable(value))


def parts_html(parts: list[Table | str]) -> str:
    """Tables and lines of text, one below the other."""
    body = [table_html(part) if isinstance(part, Table) else _lines(part) for part in parts]
    return '<div class="nirx" style="overflow-x:auto;color:inherit">' + "".join(body) + "</div>"


def table_html(table: Table, name: str = "") -> str:
    """A table with its title and its caption.

    Arguments:
        name: the id of the element; empty for none.
    """
    own = f' id="{escaped(name)}"' if name else ""
    texts = [_plain(text) for text in (table.title, table.caption) if text]
    caption = f'<caption style="text-align:left">{"; ".join(map(escaped, texts))}</caption>'
    head = "".join(
        f'<th scope="col" style="{_style(column)};border-bottom:{LINE}">'
        f"{escaped(_plain(column.header))}</th>"
        for column in table.columns
    )
    rows = zip(*(column.cells for column in table.columns), strict=True)
    body = "".join(f"<tr>{_row(table, row)}</tr>" for row in rows)
    head = f"<thead><tr>{head}</tr></thead>" if table.show_header else ""
    return f'<table{own} style="{TABLE}">{caption * bool(texts)}{head}<tbody>{body}</tbody></table>'


def _row(table: Table, row: tuple[Any, ...]) -> str:
    return "".join(
        f'<td style="{_style(column)}">{escaped(_plain(cell))}</td>'
        for column, cell in zip(table.columns, row, strict=True)
    )


def _style(column: Any) -> str:
    return f"{CELL};text-align:{column.justify if column.justify == 'right' else 'left'}"


def _lines(text: str) -> str:
    lines = "<br>".join(map(escaped, text.split("\n")))
    return f'<p style="margin:.3em 0;white-space:pre-wrap">{lines}</p>' if text else ""


def _plain(value: Any) -> str:
    """The text of a cell; rich takes a str as markup."""
    return value.plain if isinstance(value, Text) else Text.from_markup(str(value)).plain
