"""Long lists of names, cut for a message."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["MOST_NAMES", "name_list"]

MOST_NAMES = 8


def name_list(names: Iterable[object]) -> str:
    """`"a, b and 3 more"`: the first few names, and how many others there are."""
    texts = [str(name) for name in names]
    more = len(texts) - MOST_NAMES
    return ", ".join(texts[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
