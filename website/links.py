"""Links to the API reference and to pages, for names that a text mentions."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from api_pages import public_names

__all__ = ["link_names", "link_pages"]

NAME = re.compile(r"(?<![\[`])`(nirx\.)?(\w+)`(?![\]`])")
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


def link_pages(text: str) -> str:
    """`docs/move.md` in a docstring leads to that page, from a page of the reference."""
    return PAGE.sub(r"[\g<0>](../\1.md)", text)
