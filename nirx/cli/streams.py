"""stdout and stderr that are closed, full, or cannot print a character."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

__all__ = ["prepare_streams", "settle_streams"]


def prepare_streams() -> None:
    """Let the three standard streams exist, and print any text.

    Where the caller closed one (`>&-`), its number would go to the next file that is opened, and
    messages of C libraries would be written into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest free number
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def settle_streams() -> None:
    """Flush both; what cannot be written is dropped, or Python would fail again when it exits."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _discard(stream)


def _discard(stream: Any) -> None:
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
