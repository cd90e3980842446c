"""A progress bar on stderr for what takes longer than about a second."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

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

__all__ = ["Bars", "bars"]

DELAY = 1.0


class Bars:
    """One bar per backend, counted in steps."""

    def __init__(self, progress: Progress, steps: int):
        self._progress, self._steps = progress, steps

    def add(self, name: str) -> BarAdvance:
        """A bar for a backend, full after all steps."""
        return BarAdvance(self._progress, self._progress.add_task(name, total=self._steps))


class BarAdvance:
    """Moves one bar on by a number of steps."""

    def __init__(self, progress: Progress, task: object):
        self._progress, self._task = progress, task

    def __call__(self, steps: int) -> None:
        self._progress.advance(self._task, steps)  # type: ignore[arg-type]


class Rate(ProgressColumn):
    """How many are done in a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


@contextmanager
def bars(steps: int, unit: str = "steps") -> Iterator[Bars]:
    """Bars that appear after a second, if stderr is a terminal, and leave no trace.

    Arguments:
        steps: length of each.
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
        disable=not console.is_terminal,
    )
    lock, over = threading.Lock(), False

    def appear() -> None:
        with lock:
            if not over:
                progress.start()

    # From another thread: the first piece alone may take long, where a backend compiles.
    timer = threading.Timer(DELAY, appear)
    timer.daemon = True
    timer.start()
    try:
        yield Bars(progress, steps)
    finally:
        timer.cancel()
        with lock:
            over = True
            if progress.live.is_started:
                progress.stop()
