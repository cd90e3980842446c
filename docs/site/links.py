"""Links to the API reference and to pages, for names that a text mentions."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from api_pages import public_names

__all__ = ["link_names", "link_pages", "link_prose"]

NAME = re.compile(r"(?<![\[`])`(nirx\.)?(\w+)`(?![\]`])")
CODE = re.compile(r"(^ *```.*?^ *```|^ {4}[^\n]*|^#[^\n]*)", re.DOTALL | re.MULTILINE)
PAGE = re.compile(r"\bdocs/([\w-]+)\.md")


def link_names(text: str, *, bare: bool = False) -> str:
    """Public names in backticks, such as `nirx.move`, lead to the reference.

    Arguments:
        text: Markdown.
        bare: types without `nirx.` before them, too, such as `Move`.
    """

    def linked(match: re.Match[str]) -> str:
        whole, name = match[0], match[2]
        meant = match[1] or (bare and name[0].isupper())
        return f"[{whole}][nirx.{name}]" if meant and name in public_names("nirx") else whole

    return NAME.sub(linked, text)


def link_prose(text: str) -> str:
    """`link_names` for a page; its code and its headings stay as they are."""
    parts = CODE.split(text)
    parts[::2] = map(link_names, parts[::2])
    return "".join(parts)


def link_pages(text: str) -> str:
    """`docs/move.md` in a docstring leads to that page, from a page of the reference."""
    return PAGE.sub(r"[\g<0>](../\1.md)", text)
