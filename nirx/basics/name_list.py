"""Long lists of names, cut for a message."""

from __future__ import annotations

from collections.abc import Iterable

from nirx.errors import shortened

__all__ = ["MOST_NAMES", "name_list"]

MOST_NAMES = 8


def name_list(names: Iterable[object]) -> str:
    """`"a, b and 3 more"`: the first few names, and how many others there are."""
    every = list(names)
    more = len(every) - MOST_NAMES
    texts = [shortened(str(name)) for name in every[:MOST_NAMES]]
    return ", ".join(texts) + (f" and {more:,} more" if more > 0 else "")
