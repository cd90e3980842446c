"""A generated section of a Markdown page, between two comments with its name."""

from __future__ import annotations

import re
from pathlib import Path

from nirx.errors import FileError
from nirx.files.whole_file import whole_file

__all__ = ["write_section"]


def write_section(page: Path, name: str, text: str) -> None:
    """Write a text between `<!-- begin NAME -->` and `<!-- end NAME -->`, or at the end.

    **Raises**: `FileError` where the page cannot be read or written.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    try:
        old = page.read_text("utf-8") if page.exists() else ""
    except (OSError, ValueError) as error:
        raise FileError(f"{page}: cannot be read: {error}") from error
    section = f"{begin}\n\n{text.strip()}\n\n{end}"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    new = found.sub(lambda _: section, old) if found.search(old) else f"{old}\n{section}\n"
    with whole_file(str(page)) as temporary:
        Path(temporary).write_text(new.lstrip("\n"), "utf-8")
