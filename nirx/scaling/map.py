"""`nirx.map`: a function over many items, in this process or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from nirx.errors import InputError, NirxError
from nirx.scaling.choose import open_engine
from nirx.scaling.engine import Engine, TaskLost

__all__ = ["map", "split"]

Item = TypeVar("Item")
Result = TypeVar("Result")

SHARDS = 1024
"""Tasks by default, at most; more than enough for a cluster, and the overhead stays small."""


def map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    engine: str | None = None,
    shards: int | None = None,
    advance: Callable[[int], object] = lambda count: None,
) -> Iterator[Result]:
    """Run a function on every item, and yield the results in the order of the items.

    The results are the same with every engine and any number of shards, if the function depends on
    its item alone. Memory is bounded: new tasks wait until earlier results are taken.

    Arguments:
        function: of one item. On a cluster it runs in other processes: it is sent there by
            cloudpickle, with what it refers to, and may run again if a process dies.
        items: sent to where they are used. Pass paths and numbers, and read data there.
        engine: None runs in this process; `"ray"` on a Ray cluster (see docs/scale.md).
        shards: number of tasks; each takes some items in a row. None: one per item, 1024 at most.
        advance: called with numbers of items that are done.

    Returns: an iterator over the results.

    **Raises**: `InputError`, `UnsupportedError`, `NirxError` for an item whose process dies again
    and again, and whatever the function raises.
    """
    listed = list(items)
    spans = split(len(listed), min(SHARDS, len(listed)) if shards is None else shards, "items")
    return _in_order(open_engine(engine), function, listed, spans, advance)


def split(count: int, shards: int, what: str) -> list[tuple[int, int]]:
    """First and last+1 of each shard: some in a row, whose numbers differ by one at most.

    **Raises**: `InputError` unless there are 1 to `count` shards; none at all has none.
    """
    if not count:
        return []
    if isinstance(shards, bool) or not isinstance(shards, int) or shards < 1:
        raise InputError(f"shards={shards!r}; expected a whole number, 1 or more")
    if shards > count:
        raise InputError(f"shards={shards}, but there are {count} {what}; expected at most {count}")
    cuts = [count * k // shards for k in range(shards + 1)]
    return list(pairwise(cuts))


def _in_order(
    engine: Engine,
    function: Callable[[Any], Any],
    items: Sequence[Any],
    spans: Sequence[tuple[int, int]],
    advance: Callable[[int], object],
) -> Iterator[Any]:
    early: dict[int, list[Any]] = {}
    submitted = running = 0
    with engine:
        for wanted in range(len(spans)):
            while wanted not in early:
                # What came early is held too: without a limit, one slow task would fill the memory.
                most = min(len(spans), wanted + 2 * engine.room)
                while submitted < most and running < engine.room:
                    first, last = spans[submitted]
                    engine.submit(submitted, _on_all, function, items[first:last])
                    submitted, running = submitted + 1, running + 1
                number, found = engine.next()
                if isinstance(found, TaskLost):
                    first, last = spans[number]
                    raise NirxError(f"items {first} to {last - 1}: {found}") from found
                early[number], running = found, running - 1
                advance(len(found))
            yield from early.pop(wanted)


def _on_all(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    return [function(item) for item in items]
