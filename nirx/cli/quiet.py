"""Whether a command was asked to be quiet (`--quiet`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["is_quiet", "quietly"]

_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


def is_quiet() -> bool:
    """Whether progress and warnings are unwanted."""
    return _QUIET.get()


@contextmanager
def quietly(quiet: bool) -> Iterator[None]:
    """While open, `is_quiet` answers so."""
    before = _QUIET.set(quiet)
    try:
        yield
    finally:
        _QUIET.reset(before)
