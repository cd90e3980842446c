"""What goes to stderr: errors and warnings, each as plain lines."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nirx.basics.tables import cell
from nirx.errors import NirxWarning

__all__ = ["print_error", "warn", "warnings_as_lines"]


def print_error(text: str) -> None:
    """`nirx: error: ...`; lists keep their lines, names in them cannot bring control codes."""
    _print("error", "\n".join(str(cell(line)) for line in text.split("\n")))


def warn(text: str) -> None:
    """A `NirxWarning` from the command line itself."""
    warnings.warn(text, NirxWarning, stacklevel=2)


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """While open, every `NirxWarning` is one line on stderr, each text once."""
    seen: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", NirxWarning)
        python_way = warnings.showwarning

        def showwarning(message: Any, category: type[Warning], *place: Any) -> None:
            if not issubclass(category, NirxWarning):
                python_way(message, category, *place)
                return
            text = str(message)
            if text not in seen:  # reading, scheduling and each backend may all notice it
                seen.add(text)
                _print("warning", str(cell(text)))

        warnings.showwarning = showwarning
        yield


def _print(kind: str, text: str) -> None:
    try:
        print(f"nirx: {kind}: {text}", file=sys.stderr)
    except UnicodeEncodeError:
        safe = text.encode("ascii", "backslashreplace").decode()
        print(f"nirx: {kind}: {safe}", file=sys.stderr)
    except BrokenPipeError:  # nobody is there to read it
        return
