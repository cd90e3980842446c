"""Generated Markdown: tables, versions, and sections of a page between two comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nirx.errors import FileError
from nirx.files.whole_file import whole_file

__all__ = ["installed_versions", "markdown_table", "write_section"]


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    return [lines[0], "|---" * len(head) + "|", *lines[1:]]


def installed_versions(*names: str) -> dict[str, str]:
    """Package -> version, without packages that are not installed."""
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def write_section(page: Path, name: str, text: str) -> None:
    """Write a text between `<!-- begin NAME -->` and `<!-- end NAME -->`, or at the end.

    **Raises**: `FileError` where the page cannot be read or written.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = f"{begin}\n\n{text.strip()}\n\n{end}"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    with whole_file(str(page)) as temporary:  # another process that writes a section waits here
        try:
            old = page.read_text("utf-8") if page.exists() else ""
        except (OSError, ValueError) as error:
            raise FileError(f"{page}: cannot be read: {error}") from error
        new = found.sub(lambda _: section, old) if found.search(old) else f"{old}\n{section}\n"
        Path(temporary).write_text(new.lstrip("\n"), "utf-8")
