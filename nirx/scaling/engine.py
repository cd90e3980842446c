"""`Engine`: what runs tasks, in this process or on a cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from nirx.errors import NirxError

__all__ = ["Engine", "Here", "TaskLost", "arriving"]


class TaskLost(NirxError):
    """A task whose process died, again and again.

    Arguments:
        key: of the task.
        reason: what happened.
    """

    def __init__(self, key: Any, reason: str):
        super().__init__(key, reason)
        self.key, self.reason = key, reason

    def __str__(self) -> str:
        return self.reason


class Engine(Protocol):
    """Runs tasks. Use it in a `with` statement, which stops what is still running."""

    @property
    def room(self) -> int:
        """How many tasks to have under way: enough to keep all processes busy, and no more."""
        ...

    def share(self, value: Any) -> Any:
        """Something that many tasks take; what comes back is passed to `submit` in its place."""
        ...

    def submit(self, key: Any, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a task. It may run more than once, if its process dies."""
        ...

    def next(self) -> tuple[Any, Any]:
        """Wait for any task. Returns: its key and its result.

        A task whose process keeps dying has a `TaskLost` as its result: others may go on.

        **Raises**: what the function raised.
        """
        ...

    def __enter__(self) -> Engine: ...

    def __exit__(self, *error: object) -> None: ...


class Here:
    """The engine of one process: a task runs when its result is asked for."""

    room = 1

    def __init__(self) -> None:
        self._waiting: deque[tuple[Any, Callable[..., Any], tuple[Any, ...]]] = deque()

    def share(self, value: Any) -> Any:
        return value

    def submit(self, key: Any, function: Callable[..., Any], *arguments: Any) -> None:
        self._waiting.append((key, function, arguments))

    def next(self) -> tuple[Any, Any]:
        key, function, arguments = self._waiting.popleft()
        return key, function(*arguments)

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *error: object) -> None:
        self._waiting.clear()


def arriving(
    engine: Engine, function: Callable[[Any], Any], items: Iterable[tuple[Any, Any]]
) -> Iterator[tuple[Any, Any]]:
    """Run a function on many items, a bounded number at a time.

    Arguments:
        items: keys and arguments; the next one is taken when there is room for it.

    Returns: keys and results, as they arrive.
    """
    left, running = iter(items), 0
    while True:
        while running < engine.room and (item := next(left, None)) is not None:
            engine.submit(item[0], function, item[1])
            running += 1
        if not running:
            return
        yield engine.next()
        running -= 1
