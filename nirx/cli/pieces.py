"""A run in pieces of time: the state is carried from one to the next, and progress is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nirx.cli.opening import Opened
from nirx.cli.progress import AddBar
from nirx.comparison.runs import in_dtype
from nirx.execution.backend import Backend
from nirx.inputs.protocol import Source

__all__ = ["Arrays", "Gathered", "Take", "piece_length", "run_in_pieces"]

MOST_STEPS = 256
"""Steps per piece by default."""

Arrays = dict[str, np.ndarray]
Take = Callable[[Arrays, Arrays], object]
"""Is given the outputs and the recordings of each piece, by name and by key."""


def piece_length(steps: int, most: int = MOST_STEPS) -> int:
    """A length of at most `most`, chosen so that all pieces are equal if possible.

    A backend that compiles does so for every new length.
    """
    if steps <= most:
        return max(steps, 1)
    divisors = (n for n in range(most, most // 2, -1) if steps % n == 0)
    return next(divisors, most)


def run_in_pieces(
    backend: Backend,
    opened: Opened,
    inputs: Source,
    add_bar: AddBar,
    take: Take,
    *,
    dtype: str,
    reproducible: bool,
    record: list[Any],
    state: Any = None,
    length: int | None = None,
    watched: dict[Any, bool] | None = None,
) -> Any:
    """Run a network on one backend over all of its input, with a progress bar.

    Only one piece is in memory, unless `take` keeps what it is given.

    Arguments:
        dtype: of the run; inputs of another are rounded to it.
        take: called for each piece; once, with no steps, for an input without any.
        record: as in `net.run`.
        state: initial state; None for a fresh one.
        length: steps of a piece; None for `piece_length`.
        watched: further keys as in `net.run`. They are not kept; a value becomes True where
            any number of the recording is not 0.

    Returns: the final state.
    """
    advance = add_bar(backend.name)
    options = {"reproducible": True} if reproducible else {}
    run = backend.prepare(opened.graph, opened.discretization, dtype, **options)
    length = length or piece_length(inputs.steps)
    watched = {} if watched is None else watched
    for start in range(0, max(inputs.steps, 1), length):
        stop = min(start + length, inputs.steps)
        ys, state, recorded = run(
            in_dtype(inputs.read(start, stop), dtype), state, [*record, *watched]
        )
        for key in watched:
            watched[key] = watched[key] or bool(np.any(recorded[key]))
        named = ys if isinstance(ys, Mapping) else {opened.schedule.outputs[0][0]: ys}
        take(
            {name: np.asarray(y) for name, y in named.items()},
            {str(key): np.asarray(recorded[key]) for key in record},
        )
        del ys, recorded, named  # before the next piece is computed
        advance(stop - start)
    return state


class Gathered:
    """Outputs and recordings of a whole run, in memory.

    Arguments:
        steps: of the run.
    """

    def __init__(self, steps: int):
        self.outputs: Arrays = {}
        self.recordings: Arrays = {}
        self._steps, self._done = steps, 0

    def take(self, outputs: Arrays, recordings: Arrays) -> None:
        """Add a piece."""
        for whole, parts in ((self.outputs, outputs), (self.recordings, recordings)):
            for key, part in parts.items():
                if len(part) == self._steps:  # the only piece
                    whole[key] = part
                    continue
                if key not in whole:
                    whole[key] = np.empty((self._steps, *part.shape[1:]), part.dtype)
                whole[key][self._done : self._done + len(part)] = part
        self._done += len(next(iter(outputs.values())))
