"""Kernels on several threads: each takes a slice of the samples, so results do not change."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

__all__ = ["limit_threads", "split", "thread_count", "use_team"]

WORTH_IT = 2**18
"""Element updates per thread below which a second thread costs more than it saves."""


_LIMITS: list[Callable[[], int]] = []


def limit_threads(limit: Callable[[], int]) -> None:
    """Follow the limit of a framework, such as the one thread of a data loader's process."""
    _LIMITS.append(limit)


Call = Callable[[int, int], None]
Team = Callable[[Call, Sequence[tuple[int, int]]], None]


def use_team(team: Team | None) -> None:
    """Run kernels on the threads of a framework, which has the same processors.

    Arguments:
        team: runs a call for each of some slices, and raises what that raises; None for threads
            of our own.
    """
    _Pool.team = team


class _Pool:
    """Threads of this process; a forked child starts its own."""

    threads: ThreadPoolExecutor | None = None
    team: Team | None = None


def thread_count() -> int:
    """How many threads a kernel may use: the processors of this process, less if so limited."""
    limit = os.environ.get("NIRX_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    own = getattr(os, "sched_getaffinity", None)
    counts = [len(own(0)) if own else os.cpu_count() or 1, *(one() for one in _LIMITS)]
    if limit and limit.isdigit():
        counts.append(int(limit))
    return max(1, min(counts))


def split(call: Call, length: int, work: int) -> None:
    """Call with (first, last) for slices that cover range(length), on several threads.

    Arguments:
        call: releases the interpreter's lock.
        work: element updates in all.
    """
    count = min(length, max(1, work // WORTH_IT))
    if count > 1:  # in this order: to look at the limits takes as long as a small layer
        count = min(count, thread_count())
    if count <= 1:
        call(0, length)
        return
    cuts = [length * i // count for i in range(count + 1)]
    if _Pool.team is not None:
        _Pool.team(call, list(itertools.pairwise(cuts)))
        return
    if _Pool.threads is None:
        _Pool.threads = ThreadPoolExecutor(thread_count(), "nirx-kernel")
    own, *others = itertools.pairwise(cuts)
    waiting = [_Pool.threads.submit(call, *each) for each in others]
    try:
        call(*own)
    finally:
        for each in waiting:
            each.result()


def _forget() -> None:
    # A framework's threads are gone too, and it may wait for them without end.
    _Pool.threads = _Pool.team = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
