"""Patterns of names: `*` stands for any text, `?` for one character, `[ab]` for one of several."""

from __future__ import annotations

from fnmatch import fnmatchcase

__all__ = ["fits"]


def fits(name: str, pattern: str) -> bool:
    """Whether a pattern fits a name. A name with `*`, `?` or `[` in it also fits itself."""
    return name == pattern or fnmatchcase(name, pattern)
