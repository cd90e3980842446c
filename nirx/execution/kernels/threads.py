"""Kernels on several threads: each takes a slice of the samples, so results do not change."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["limit_threads", "split", "thread_count"]

WORTH_IT = 2**18
"""Element updates per thread below which a second thread costs more than it saves."""


_LIMITS: list[Callable[[], int]] = []


def limit_threads(limit: Callable[[], int]) -> None:
    """Follow the limit of a framework, such as the one thread of a data loader's process."""
    _LIMITS.append(limit)


class _Pool:
    """Threads of this process; a forked child starts its own."""

    threads: ThreadPoolExecutor | None = None


def thread_count() -> int:
    """How many threads a kernel may use: the processors of this process, less if so limited."""
    limit = os.environ.get("NIRX_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    own = getattr(os, "sched_getaffinity", None)
    counts = [len(own(0)) if own else os.cpu_count() or 1, *(one() for one in _LIMITS)]
    if limit and limit.isdigit():
        counts.append(int(limit))
    return max(1, min(counts))


def split(call: Callable[[int, int], None], length: int, work: int) -> None:
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
    _Pool.threads = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
