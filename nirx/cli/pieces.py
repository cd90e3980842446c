"""A run in pieces of time: the state is carried from one to the next, and progress is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nirx.cli.inputs import Inputs
from nirx.cli.opening import Opened
from nirx.cli.progress import AddBar
from nirx.execution.backend import Backend

__all__ = ["piece_length", "run_in_pieces"]

MOST_STEPS = 256
"""Steps per piece by default."""

Arrays = dict[str, np.ndarray]


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
    inputs: Inputs,
    add_bar: AddBar,
    *,
    dtype: str,
    reproducible: bool,
    record: list[Any],
    state: Any = None,
    length: int | None = None,
    watched: dict[Any, bool] | None = None,
) -> tuple[Arrays, Any, Arrays]:
    """Run a network on one backend over all of its input, with a progress bar.

    Arguments:
        record: as in `net.run`.
        state: initial state; None for a fresh one.
        length: steps of a piece; None for `piece_length`.
        watched: further keys as in `net.run`. They are not kept; a value becomes True where
            any number of the recording is not 0.

    Returns: outputs [time, *batch, *features], the final state, and recordings.
    """
    advance = add_bar(backend.name)
    options = {"reproducible": True} if reproducible else {}
    run = backend.prepare(opened.graph, opened.discretization, dtype, **options)
    length = length or piece_length(inputs.steps)
    watched = {} if watched is None else watched
    outputs: Arrays = {}
    recordings: Arrays = {}
    for start in range(0, max(inputs.steps, 1), length):
        piece = {name: x[start : start + length] for name, x in inputs.arrays.items()}
        ys, state, recorded = run(piece, state, [*record, *watched])
        for key in watched:
            watched[key] = watched[key] or bool(np.any(recorded[key]))
        named = ys if isinstance(ys, Mapping) else {opened.schedule.outputs[0][0]: ys}
        _place(outputs, named, start, inputs.steps)
        _place(recordings, {key: recorded[key] for key in record}, start, inputs.steps)
        advance(min(length, inputs.steps - start))
    return outputs, state, recordings


def _place(whole: Arrays, parts: Mapping[Any, Any], start: int, steps: int) -> None:
    for key, part in parts.items():
        array = np.asarray(part)
        if len(array) == steps:  # the only piece
            whole[str(key)] = array
            continue
        target = whole.setdefault(str(key), np.empty((steps, *array.shape[1:]), array.dtype))
        target[start : start + len(array)] = array
