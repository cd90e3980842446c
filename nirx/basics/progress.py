"""`stage`: long work says how far it is, to whoever listens; without a listener it is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

__all__ = ["Advance", "Listener", "listening", "stage"]

Advance = Callable[[float], object]
"""Is called with what was done since the last call."""
Listener = Callable[[str, float | None, str], AbstractContextManager[Advance]]
"""Opens a stage of a name, with its whole amount (None: unknown) and its unit."""

_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """While open, stages report to a listener; None silences them.

    Arguments:
        listener: what shows them.
    """
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


@contextmanager
def stage(name: str, total: float | None, unit: str) -> Iterator[Advance]:
    """A piece of work that may take seconds.

    Arguments:
        name: what is done, in a word or two.
        total: how much there is to do; None where nobody knows.
        unit: what is counted.
    """
    listener = _LISTENER.get()
    if listener is None:
        yield lambda done: None
        return
    with listener(name, total, unit) as advance:
        yield advance
