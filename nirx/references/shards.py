"""A reference in shards: some samples each, computed by the tasks of an engine.

A task computes some steps of a shard; the next task of the shard continues from its state. One
process writes the results to part files as they arrive, and reads them in order at the end.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import NirxError
from nirx.inputs.protocol import Source, read_samples
from nirx.inputs.reopening import sent
from nirx.references.parts import Parts
from nirx.references.work import Job, Work, compute, forget
from nirx.scaling.choose import open_engine
from nirx.scaling.engine import TaskLost
from nirx.scaling.map import split

__all__ = ["Shards", "compute_shards", "plan_shards"]

Span = tuple[int, int]
USUAL_SHARDS = 64
"""The same on every cluster, so that a run can be continued on another one."""
CHUNKS = 8
"""Chunks of the file in one part file. They are read together: 128 MiB in all shards."""


@dataclass(frozen=True)
class Shards:
    """How a run is cut into parts.

    Arguments:
        samples: first sample of each shard, and the one after the last.
        pieces: the same of the steps of its part files.
        cuts: the same of the chunks of the file.
        engine: the name of what runs the tasks; None for this process.
    """

    samples: list[Span]
    pieces: list[Span]
    cuts: list[Span]
    engine: str | None

    @property
    def count(self) -> int:
        """Number of part files: those of the first shard, then those of the second."""
        return len(self.samples) * len(self.pieces)

    @property
    def largest(self) -> tuple[int, int]:
        """Most steps and most samples of one task."""
        steps, samples = (max(b - a for a, b in s) for s in (self.pieces, self.samples))
        return steps, samples

    def done(self, parts: Parts) -> list[int]:
        """How many part files of each shard are there, from its first on without a gap."""
        each = len(self.pieces)
        return [
            next((p for p in range(each) if not parts.has(shard * each + p)), each)
            for shard in range(len(self.samples))
        ]

    def done_steps(self, parts: Parts) -> int:
        """The steps of all samples that the part files add up to."""
        counts = zip(self.samples, self.done(parts), strict=True)
        found = sum((b - a) * self.pieces[done - 1][1] for (a, b), done in counts if done)
        return found // self.samples[-1][1]

    def read(self, parts: Parts, member: int, batch: Shape) -> Iterator[np.ndarray]:
        """A recording of all shards, chunk by chunk, `[time, *batch, *features]`."""
        each = len(self.pieces)
        for piece, (begin, end) in enumerate(self.pieces):
            own = [parts.read(shard * each + piece, member) for shard in range(len(self.samples))]
            together = np.concatenate(own, axis=1)
            del own
            for start, stop in self.cuts:
                if begin <= start < end:
                    chunk = together[start - begin : stop - begin]
                    yield chunk.reshape(len(chunk), *batch, *chunk.shape[2:])


def plan_shards(
    samples: int, cuts: list[Span], shards: int | None, engine: str | None
) -> Shards | None:
    """The shards of a run; None for a run that is not cut.

    Arguments:
        shards: their number; None takes 64 with an engine, or one per sample if there are fewer.

    **Raises**: `InputError` for more shards than samples.
    """
    if engine is None and shards is None:
        return None
    number = min(USUAL_SHARDS, samples) if shards is None else shards
    pieces = [
        (cuts[k][0], cuts[min(k + CHUNKS, len(cuts)) - 1][1]) for k in range(0, len(cuts), CHUNKS)
    ]
    return Shards(split(samples, number, "samples"), pieces, cuts, engine)


def compute_shards(
    shards: Shards,
    work: Work,
    source: Source,
    facts: Mapping[str, Any],
    parts: Parts,
    advance: Callable[[int], object],
) -> None:
    """Compute the part files that are missing.

    Arguments:
        facts: everything that the numbers depend on.
        advance: called with numbers of steps, of all samples.

    **Raises**: `NirxError` if a task is lost; whatever the source and the backend raise.
    """
    each, total = len(shards.pieces), shards.samples[-1][1]
    token = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    waiting: deque[tuple[int, int, Any]] = deque(
        (shard, done, None) for shard, done in enumerate(shards.done(parts)) if done < each
    )
    finished = told = shards.done_steps(parts)
    finished, running = finished * total, 0
    own = sent(source)
    try:
        with open_engine(shards.engine) as engine:
            job = engine.share(Job(token, work, own))
            while waiting or running:
                while waiting and running < engine.room:
                    shard, piece, state = waiting.popleft()
                    if piece and state is None:
                        state = parts.state_after(shard * each + piece - 1)
                    samples, steps = shards.samples[shard], shards.pieces[piece]
                    inputs = read_samples(source, steps, samples) if own is None else None
                    engine.submit((shard, piece), compute, job, samples, steps, state, inputs)
                    running += 1
                (shard, piece), found = engine.next()
                running -= 1
                if isinstance(found, TaskLost):
                    first, last = shards.samples[shard]
                    raise NirxError(
                        f"samples {first} to {last - 1}: {found}; what was computed is kept in "
                        f"{parts.folder}: call it again"
                    ) from found
                arrays, state = found
                parts.write(shard * each + piece, arrays, state)
                if piece + 1 < each:  # this shard first: few shards are open at a time
                    waiting.appendleft((shard, piece + 1, state))
                samples, steps = shards.samples[shard], shards.pieces[piece]
                finished += (samples[1] - samples[0]) * (steps[1] - steps[0])
                advance(finished // total - told)
                told = finished // total
    finally:
        forget()
