"""A progress bar on stderr for what takes longer than about a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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

from nirx.basics.progress import Advance, listening
from nirx.cli.quiet import is_quiet

__all__ = ["AddBar", "StageBars", "bars"]

DELAY = 1.0

AddBar = Callable[[str], Callable[[int], None]]
"""Adds a bar of that name; the function that it returns moves the bar on by some steps."""


class Rate(ProgressColumn):
    """How much per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else rate_text(speed))


def rate_text(speed: float) -> str:
    """`"1,234/s"`, or `"0.062/s"` where a unit takes seconds."""
    return f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.2g}/s"


@contextmanager
def bars(steps: int, unit: str = "steps") -> Iterator[AddBar]:
    """Bars that appear after a second if stderr is a terminal, and vanish at the end.

    Stages inside of them are not shown: these bars say more.

    Arguments:
        steps: length of each bar.
        unit: what is counted.
    """
    with _display() as progress, listening(None):
        yield lambda name: partial(
            progress.advance, progress.add_task(name, total=steps, unit=unit)
        )


class StageBars:
    """A `Listener` that shows a bar per stage, those inside of another one below it."""

    def __init__(self) -> None:
        self._progress: Progress | None = None

    @contextmanager
    def __call__(self, name: str, total: float | None, unit: str) -> Iterator[Advance]:
        """Show one stage."""
        with ExitStack() as stack:
            if self._progress is None:
                self._progress = stack.enter_context(_display())
                stack.callback(setattr, self, "_progress", None)
            progress = self._progress
            task = progress.add_task(name, total=total, unit=unit)
            stack.callback(progress.remove_task, task)
            yield partial(progress.advance, task)


@contextmanager
def _display() -> Iterator[Progress]:
    """A place for bars, empty at first."""
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}", markup=False),
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
        yield progress
    finally:
        timer.cancel()
        with lock:
            over = True
            if progress.live.is_started:
                progress.stop()
