"""Ctrl-C, SIGTERM and SIGHUP end a command as an exception does: files are closed or removed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nirx.basics.held_signals import STOPPING

__all__ = ["Stopped", "stopped_by_signals", "stopping_text"]

ECHO = 1.0
"""Seconds in which a second signal is taken as the first again: a terminal and `timeout` or make
may both send one, and the second must not stop the clean-up."""


class Stopped(BaseException):
    """A signal came. Not a KeyboardInterrupt, which Typer would keep for itself."""

    def __init__(self, number: int):
        super().__init__(number)
        self.status = 128 + number  # as in a shell

    def __str__(self) -> str:
        number = self.status - 128
        return "interrupted" + ("" if number == signal.SIGINT else f" by {_name(number)}")


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """While open, signals that end a program raise `Stopped`.

    Those that are ignored (nohup, a job in the background) or have a handler stay as they are.
    """
    last = -ECHO

    def stop(number: int, frame: Any) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before >= ECHO:
            raise Stopped(number)

    replaced: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                    replaced[number] = signal.getsignal(number)
                    signal.signal(number, stop)
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)


def stopping_text(error: BaseException) -> str:
    """One line: what happened, and the notes that say how to go on."""
    return "; ".join([str(error) or "interrupted", *getattr(error, "__notes__", ())])


def _name(number: int) -> str:
    return signal.Signals(number).name
