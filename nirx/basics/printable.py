"""Text for messages, of names in a graph, which may contain anything and be of any length."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

from nirx.errors import shortened

__all__ = ["brief", "printable", "quoted"]

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100


def brief(value: Any) -> str:
    """Any value as Python writes it, but of a few of its parts, however many it has."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    return _SHORT.repr(value)


def printable(value: Any) -> str:
    """A value as text, with every character that is not printable escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))


def quoted(name: Any) -> str:
    """A name in quotes, as Python writes it, without its middle if it is long."""
    return repr(shortened(name)) if isinstance(name, str) else shortened(repr(name))
