"""xfail files: the cases that a backend is known to fail, and why.

# TOML; names are exact
[xfail]
"choice subtract" = "resets to zero only, issue 12"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nirx.errors import FileError, InputError, did_you_mean

__all__ = ["read_xfail"]


def read_xfail(path: str | Path, known: Iterable[str]) -> dict[str, str]:
    """Case name -> reason.

    Arguments:
        known: the names of all cases, not only of those that are run.

    **Raises**: `FileError` for an invalid file, `InputError` for an unknown case.
    """
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: not a readable xfail file: {error}") from error
    entries: Any = table.get("xfail")
    good = isinstance(entries, dict) and all(isinstance(v, str) and v for v in entries.values())
    if set(table) != {"xfail"} or not good:
        raise FileError(f'{path}: expected a table [xfail] of "case name" = "reason"')
    known = list(known)
    for name in entries:
        if name not in known:
            raise InputError(f"{path}: no case {name!r}; {did_you_mean(name, known)}")
    return entries
