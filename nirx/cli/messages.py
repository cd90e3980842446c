"""What goes to stderr: errors and warnings, each as plain lines."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nirx.basics.printable import printable
from nirx.errors import NirxWarning

__all__ = ["print_error", "printable_lines", "warnings_as_lines"]


def print_error(text: str) -> None:
    """Print `nirx: error: ...`; a list keeps its lines."""
    _print("error", printable_lines(text))


def printable_lines(text: str) -> str:
    """Text that keeps its line breaks, but no other control codes that names may bring."""
    return "\n".join(map(printable, text.split("\n")))


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """While open, every `NirxWarning` is one line on stderr, each text once."""
    seen: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", NirxWarning)
        show_as_python_does = warnings.showwarning

        def showwarning(message: Any, category: type[Warning], *place: Any) -> None:
            text = str(message)
            if not issubclass(category, NirxWarning):
                show_as_python_does(message, category, *place)
            elif text not in seen:  # reading, scheduling and each backend may all notice it
                seen.add(text)
                _print("warning", printable(text))

        warnings.showwarning = showwarning
        yield


def _print(kind: str, text: str) -> None:
    try:
        print(f"nirx: {kind}: {text}", file=sys.stderr)
    except BrokenPipeError:  # stderr was closed
        return
