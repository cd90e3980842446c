"""Paths of nodes: tuples of names, and their text form.

The text joins the names with "/". A "/" or "~" inside a name is written "~1" or "~0", as in JSON
pointers (RFC 6901), so that paths and texts correspond one to one.
"""

from __future__ import annotations

from collections.abc import Container

from nirx.errors import MOST_IN_PART, shortened

__all__ = ["Path", "format_path", "free_name", "graph_name", "parse_path"]

ENDS = 3
"""Names at each end of a long path that a message shows."""

Path = tuple[str, ...]
"""Names from the outermost graph to the node. Paths sort by code point."""


def format_path(path: Path) -> str:
    """The text of a path: `("lif1", "a/b")` is `"lif1/a~1b"`."""
    text = "/".join(path)
    if "~" not in text and text.count("/") == max(len(path) - 1, 0):
        return text
    return "/".join(name.replace("~", "~0").replace("/", "~1") for name in path)


def graph_name(path: Path) -> str:
    """The text of a graph's path, for messages; the outermost graph is `"graph"`.

    Of long names the middle is left out, and of a long path too: it repeats all names around it.
    """
    if len(path) + sum(map(len, path)) > MOST_IN_PART:
        names = tuple(shortened(name, 40) for name in path)
        path = (*names[:ENDS], "...", *names[-ENDS:]) if len(path) > 2 * ENDS else names
    return format_path(path) or "graph"


def free_name(name: str, taken: Container[str]) -> str:
    """The name, with underscores appended until it is free."""
    while name in taken:
        name += "_"
    return name


def parse_path(text: str) -> Path:
    """The inverse of `format_path`."""
    return tuple(name.replace("~1", "/").replace("~0", "~") for name in text.split("/"))
