"""Batches of all kinds, several at a time, for some time or some number of inputs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from support.fuzzing.batch import FAILED, Batch, Failure, Found

__all__ = ["campaign", "deadly_seeds"]

BATCH = 1000
"""Inputs of a process. It has to be forked, so it is not one per input."""
PAUSE = 0.02


def campaign(
    kinds: Sequence[str],
    seed: int,
    jobs: int,
    folder: Path,
    *,
    inputs: int | None = None,
    seconds: float = 0,
    save: Callable[[Failure], object] = lambda failure: None,
) -> dict[str, Found]:
    """Run inputs of some kinds.

    Arguments:
        kinds: their names, in turn.
        seed: input k of a kind has the seed `seed` + k.
        jobs: processes at a time.
        folder: for their files.
        inputs: of each kind.
        seconds: instead of `inputs`, after which no batch is started.
        save: called with each failure as it is found.

    Returns: what was found, by kind.
    """
    ends = time.monotonic() + seconds
    totals = {kind: Found() for kind in kinds}
    waiting = _parts(kinds, seed, inputs)
    running: list[Batch] = []
    places = [folder / str(number) for number in range(jobs)]
    left: list[tuple[str, range]] = []  # of batches whose process died
    while True:
        while len(running) < jobs and (inputs is not None or time.monotonic() < ends):
            part = left.pop() if left else next(waiting, None)
            if part is None:
                break
            used = {batch.folder for batch in running}
            running.append(Batch(*part, next(p for p in places if p not in used)))
        if not running:
            return totals
        time.sleep(PAUSE)
        for batch in [b for b in running if b.finished()]:
            running.remove(batch)
            found, died = batch.found()
            if died is not None:
                what = f"{batch.death()}; alone or after {BATCH} others at most"
                found.counts[FAILED] += 1
                found.failures.append(Failure(batch.kind, died, what))
                # What came before is used again, since its counts died with the process.
                parts = (range(batch.seeds.start, died), range(died + 1, batch.seeds.stop))
                left += [(batch.kind, part) for part in parts if part]
            for failure in found.failures:
                save(failure)
            totals[batch.kind].add(found)


def _parts(kinds: Sequence[str], seed: int, inputs: int | None) -> Iterator[tuple[str, range]]:
    """Batches of every kind in turn; without an end if no number of inputs is given."""
    for start in itertools.count(0, BATCH):
        if inputs is not None and start >= inputs:
            return
        stop = start + BATCH if inputs is None else min(inputs, start + BATCH)
        for kind in kinds:
            yield kind, range(seed + start, seed + stop)


def deadly_seeds(kind: str, seeds: range, folder: Path) -> range:
    """The fewest last seeds of a range that end a process which uses them, by bisection.

    Most often the last one alone; a range that does no harm is returned empty.
    """
    if not _dies(kind, seeds, folder):
        return range(seeds.stop, seeds.stop)
    low, high = seeds.start, seeds.stop - 1  # from `low` it dies
    while low < high:
        middle = (low + high + 1) // 2
        if _dies(kind, range(middle, seeds.stop), folder):
            low = middle
        else:
            high = middle - 1
    return range(low, seeds.stop)


def _dies(kind: str, seeds: range, folder: Path) -> bool:
    batch = Batch(kind, seeds, folder)
    while not batch.finished():
        time.sleep(PAUSE)
    return batch.found()[1] is not None
