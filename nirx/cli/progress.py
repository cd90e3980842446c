"""A progress bar on stderr for what takes longer than about a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from nirx.cli.quiet import is_quiet

__all__ = ["AddBar", "bars"]

DELAY = 1.0

AddBar = Callable[[str], Callable[[int], None]]
"""Adds a bar of that name; the function that it returns moves the bar on by some steps."""


class Rate(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


@contextmanager
def bars(steps: int, unit: str = "steps") -> Iterator[AddBar]:
    """Bars that appear after a second if stderr is a terminal, and vanish at the end.

    Arguments:
        steps: length of each bar.
        unit: what is counted.
    """
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=is_quiet() or not console.is_terminal,
    )
    lock, over = threading.Lock(), False

    def appear() -> None:
        with lock:
            if not over:
                progress.start()

    # From another thread: the first piece alone may take long on a backend that compiles.
    timer = threading.Timer(DELAY, appear)
    timer.daemon = True
    timer.start()
    try:
        yield lambda name: partial(progress.advance, progress.add_task(name, total=steps))
    finally:
        timer.cancel()
        with lock:
            over = True
            if progress.live.is_started:
                progress.stop()
