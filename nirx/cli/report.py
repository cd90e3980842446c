"""What a command prints: its result to stdout (tables, or one JSON object), messages to stderr."""

from __future__ import annotations

import json
import math
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from nirx.basics.printable import printable
from nirx.cli.quiet import is_quiet
from nirx.errors import NirxWarning

__all__ = ["Report", "bytes_text", "print_error", "show", "warnings_as_lines"]

WIDTH = 120
"""Columns where the output goes to a file or a pipe."""


@dataclass(frozen=True)
class Report:
    """The result of a command.

    Arguments:
        status: exit status.
        payload: for `--json`; NaN and infinities become text.
        parts: rich renderables and plain texts, printed one after the other.
        as_json: whether to print the payload instead of the parts.
    """

    status: int
    payload: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Any, ...] = ()
    as_json: bool = False


def show(report: Report) -> None:
    """Print a report to stdout."""
    if report.as_json:
        print(json.dumps(_plain(report.payload), indent=2, allow_nan=False))
        return
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH
    for part in report.parts:
        if isinstance(part, str):
            print(printable_lines(part))  # laid out already: rich would wrap and colour it
        else:
            console.print(part)


def bytes_text(count: int) -> str:
    """`"1.5 kB"`; units of 1000."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} GB"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


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
            elif (
                text not in seen and not is_quiet()
            ):  # reading, scheduling and each backend may all notice it
                seen.add(text)
                _print("warning", printable(text))

        warnings.showwarning = showwarning
        yield


def _print(kind: str, text: str) -> None:
    try:
        print(f"nirx: {kind}: {text}", file=sys.stderr)
    except OSError:  # stderr was closed, or its disk is full
        return
