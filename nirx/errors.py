"""Errors, warnings and faults.

Every error message has the place, what was found, what was expected and a suggested fix.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

__all__ = [
    "Fault",
    "FileError",
    "GraphError",
    "InputError",
    "NirxError",
    "NirxWarning",
    "UnsupportedError",
    "did_you_mean",
    "shortened",
    "warn_caller",
]

MOST_LINES = 20
"""Limit for the faults that a message names."""

MOST_ALIKE = 3
"""Limit for the places that one line of a message names."""

MOST_IN_PART = 600
"""Limit for the characters of each part of a fault in a message."""

MOST_IN_MESSAGE = 20_000
"""Limit for the characters of a message."""

MOST_LETTERS = 100
"""Limit for the characters of a name that is compared with others."""

MOST_COMPARED = 1000
"""Limit for the names that one name is compared with."""


class NirxError(Exception):
    """Base class of all errors that nirx raises. The text is short, whatever the names in it."""

    def __str__(self) -> str:
        return shortened(super().__str__(), MOST_IN_MESSAGE)


class InputError(NirxError, ValueError):
    """Data, an option or a state has the wrong shape, dtype or value."""


class UnsupportedError(NirxError, ValueError):
    """A valid request that this backend, library or file format does not support."""


class FileError(NirxError):
    """A file is missing, unreadable, not a NIR file, or not safe to read."""


class NirxWarning(UserWarning):
    """The graph runs, but probably not as intended."""


@dataclass(frozen=True)
class Fault:
    """One fault of a graph.

    Arguments:
        where: the path of the node (`"lif1/lif"`) or the edge (`"edge 'a' -> 'b'"`).
        found: what was found.
        expected: what was expected; empty if `found` is enough.
        mend: a suggested fix; may be empty.
    """

    where: str
    found: str
    expected: str = ""
    mend: str = ""

    def __str__(self) -> str:
        return self.at(shortened(self.where, MOST_IN_PART))

    def at(self, where: str) -> str:
        """The text, with other words for the place."""
        found, expected, mend = (
            shortened(part, MOST_IN_PART) for part in (self.found, self.expected, self.mend)
        )
        expected = f"expected {expected}" if expected else ""
        return "; ".join(filter(None, (f"{where}: {found}", expected, mend)))


class GraphError(NirxError, ValueError):
    """A faulty graph, with all its faults in `faults`.

    The message names the first faults and counts the others. In a long list, faults of one kind
    share a line.
    """

    faults: tuple[Fault, ...]

    def __init__(self, faults: Iterable[Fault]):
        self.faults = tuple(faults)
        lines = _lines(self.faults)
        if len(self.faults) == 1:
            message = lines[0]
        else:
            head = f"{len(self.faults):,} faults in the graph:"
            message = head + "".join(f"\n  - {line}" for line in lines)
        super().__init__(message)

    def __reduce__(self):
        return type(self), (self.faults,)


def _lines(faults: Sequence[Fault]) -> list[str]:
    """A line per fault, or per kind of fault if there are many; the rest is counted."""
    if len(faults) <= MOST_LINES:
        return [str(fault) for fault in faults]
    kinds: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in faults:
        kinds.setdefault((fault.found, fault.expected, fault.mend), []).append(fault)
    named = list(kinds.values())[:MOST_LINES]
    lines = []
    for alike in named:
        where = ", ".join(shortened(f.where, MOST_IN_PART // 4) for f in alike[:MOST_ALIKE])
        more = len(alike) - MOST_ALIKE
        lines.append(alike[0].at(where + (f" and {more:,} more" if more > 0 else "")))
    left = len(faults) - sum(map(len, named))
    return [*lines, *([f"and {left:,} more"] if left else [])]


def shortened(text: str, most: int = MOST_LETTERS) -> str:
    """A text, without its middle if it is longer than `most` characters."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}...{text[-(most // 4) :]} ({len(text):,} characters)"


def warn_caller(text: str) -> None:
    """Warn with a `NirxWarning` at the line outside nirx and its plug-ins that led here."""
    text = shortened(text, MOST_IN_MESSAGE)
    own, frame, level = _own_packages(), sys._getframe(1), 2
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in own:
        frame, level = frame.f_back, level + 1
    warnings.warn(text, NirxWarning, stacklevel=level)


@cache
def _own_packages() -> frozenset[str]:
    """nirx and the packages of all installed backends and bridges, none of which is imported."""
    points = [*entry_points(group="nirx.backends"), *entry_points(group="nirx.bridges")]
    return frozenset({"nirx", *(point.value.split(":")[0].split(".")[0] for point in points)})


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`"did you mean 'lif1'?"` with the closest known name, or a list of known names.

    The work is bounded: long names are not compared, and of many names only the nearest are.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, _comparable(name, names), n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    if not names:
        return ""
    shown = ", ".join(repr(shortened(x)) for x in names[:8])
    return f"there is {shown}" + (f" and {len(names) - 8:,} more" if len(names) > 8 else "")


def _comparable(name: str, names: list[str]) -> list[str]:
    """The names that may be close to one; of many, those that begin or end most like it."""
    if len(name) > MOST_LETTERS:
        return []
    short = [x for x in names if len(x) <= MOST_LETTERS]
    if len(short) <= MOST_COMPARED:
        return short
    backwards = sorted(x[::-1] for x in short)
    ends = [x[::-1] for x in _around(backwards, name[::-1])]
    return list(dict.fromkeys([*_around(short, name), *ends]))


def _around(names: list[str], name: str) -> list[str]:
    """The neighbours of a name in a sorted list."""
    place, side = bisect_left(names, name), MOST_COMPARED // 4
    return names[max(place - side, 0) : place + side]
