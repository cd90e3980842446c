"""Runs in pieces of time: the state goes from one to the next, and progress can be shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nirx.cli.inputs import Inputs
from nirx.execution.backend import Prepared

__all__ = ["MOST_STEPS", "piece_length", "run_in_pieces"]

MOST_STEPS = 256
"""Steps per piece where nothing else is asked for."""

Arrays = dict[str, np.ndarray]


def piece_length(steps: int, most: int = MOST_STEPS) -> int:
    """A length of at most `most`, so that all pieces are equal where there is a large enough one.

    A backend that compiles does so for every new length.
    """
    if steps <= most:
        return max(steps, 1)
    divisors = (n for n in range(most, most // 2, -1) if steps % n == 0)
    return next(divisors, most)


def run_in_pieces(
    run: Prepared,
    inputs: Inputs,
    outputs: list[str],
    state: Any = None,
    record: Any = (),
    length: int = MOST_STEPS,
    advance: Callable[[int], object] = lambda steps: None,
) -> tuple[Arrays, Any, Arrays]:
    """Run a network over all of its input.

    Arguments:
        outputs: names of the graph's Outputs.
        state: where to start; None starts fresh.
        record: as in `net.run`; () for nothing.
        length: steps of a piece.
        advance: called after each piece with its number of steps.

    Returns: outputs [time, *batch, *features], the last state, and recordings.
    """
    whole_outputs: Arrays = {}
    whole_recordings: Arrays = {}
    for start in range(0, max(inputs.steps, 1), length):
        piece = {name: x[start : start + length] for name, x in inputs.arrays.items()}
        ys, state, recordings = run(piece, state, record)
        named = ys if isinstance(ys, Mapping) else {outputs[0]: ys}
        _place(whole_outputs, named, start, inputs.steps)
        _place(whole_recordings, recordings, start, inputs.steps)
        advance(min(length, inputs.steps - start))
    return whole_outputs, state, whole_recordings


def _place(whole: Arrays, parts: Mapping[Any, Any], start: int, steps: int) -> None:
    for key, part in parts.items():
        array = np.asarray(part)
        if len(array) == steps:  # the only piece
            whole[str(key)] = array
            continue
        target = whole.setdefault(str(key), np.empty((steps, *array.shape[1:]), array.dtype))
        target[start : start + len(array)] = array
