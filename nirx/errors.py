"""Errors, warnings and faults.

Every error message has the place, what was found, what was expected and a suggested fix.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable
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
    "warn_caller",
]


class NirxError(Exception):
    """Base class of all errors that nirx raises."""


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
        expected = f"expected {self.expected}" if self.expected else ""
        return "; ".join(filter(None, (f"{self.where}: {self.found}", expected, self.mend)))


class GraphError(NirxError, ValueError):
    """A faulty graph, with all its faults in `faults`."""

    faults: tuple[Fault, ...]

    def __init__(self, faults: Iterable[Fault]):
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults]
        if len(lines) == 1:
            message = lines[0]
        else:
            message = f"{len(lines)} faults in the graph:" + "".join(f"\n  - {x}" for x in lines)
        super().__init__(message)

    def __reduce__(self):
        return type(self), (self.faults,)


def warn_caller(text: str) -> None:
    """Warn with a `NirxWarning` at the line outside nirx and its plug-ins that led here."""
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
    """`"did you mean 'lif1'?"` with the closest known name, or a list of known names."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    if not names:
        return ""
    shown = ", ".join(repr(x) for x in names[:8])
    return f"there is {shown}" + (f" and {len(names) - 8} more" if len(names) > 8 else "")
