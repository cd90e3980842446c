"""Errors, warnings and faults: how nirx says no.

Every refusal names the place, what was found, what was expected and the likely mend.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

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
    """Base of every error that nirx raises on purpose."""


class InputError(NirxError, ValueError):
    """Data, an option or a state has the wrong shape, dtype or value."""


class UnsupportedError(NirxError, ValueError):
    """The request is understood, but this backend or file format cannot do it."""


class FileError(NirxError):
    """A file is missing, unreadable, not NIR, or not safe to read."""


class NirxWarning(UserWarning):
    """The graph runs, but probably not as its author meant."""


@dataclass(frozen=True)
class Fault:
    """One fault of a graph.

    Arguments:
        where: the node's path (`"lif1/lif"`) or the edge (`"edge 'a' -> 'b'"`).
        found: what is there.
        expected: what should be there; may be empty where `found` says it all.
        mend: the likely mend; may be empty.
    """

    where: str
    found: str
    expected: str = ""
    mend: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.found}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.mend:
            text += f"; {self.mend}"
        return text


class GraphError(NirxError, ValueError):
    """A graph is faulty. All its faults are listed together in `faults`."""

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


OWN_PACKAGES = ("nirx", "nirx_torch", "nirx_jax")


def warn_caller(text: str) -> None:
    """Give a `NirxWarning` that points to the line outside nirx that led here."""
    frame, level = sys._getframe(1), 2
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in OWN_PACKAGES:
        frame, level = frame.f_back, level + 1
    warnings.warn(text, NirxWarning, stacklevel=level)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`"did you mean 'lif1'?"` for the closest known name, or a list of what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    if not names:
        return ""
    shown = ", ".join(repr(x) for x in names[:8])
    return f"there is {shown}" + (f" and {len(names) - 8} more" if len(names) > 8 else "")
