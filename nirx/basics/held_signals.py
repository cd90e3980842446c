"""Ctrl-C at a moment when Python must not raise, such as inside a callback of a C library."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

__all__ = ["STOPPING", "held_signals", "let_signals_through"]

STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that end a program. Windows has no SIGHUP."""

_waiting: list[Callable[[], Any]] = []
"""Calls of handlers."""
_holding = False


@contextmanager
def held_signals() -> Iterator[None]:
    """While open, handlers of signals wait; at the end they are called.

    Handlers that are not in Python, such as the default of SIGTERM, still end the process at once.
    """
    global _holding
    before: dict[int, Any] = {}
    if _in_main_thread() and not _holding:
        before = {number: signal.getsignal(number) for number in STOPPING}
        before = {number: handler for number, handler in before.items() if callable(handler)}
    try:
        for number, handler in before.items():
            signal.signal(number, _wait_with(handler))
            _holding = True
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
            _holding = False
        if before:
            let_signals_through()


def let_signals_through() -> None:
    """Call the handlers that wait; most of them raise. For a safe moment in a long work.

    Those behind one that raises are dropped: they were to end the same work.
    """
    if _waiting and _in_main_thread():
        handlers = _waiting.copy()
        _waiting.clear()
        for handler in handlers:
            handler()


def _wait_with(handler: Callable[..., Any]) -> Callable[..., None]:
    return lambda number, frame: _waiting.append(partial(handler, number, frame))


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()  # handlers run nowhere else
