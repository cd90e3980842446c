"""How many steps are computed together outside feedback, unless a caller says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nirx.dynamics.conv import Convolution
from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.graphs.schedule import Schedule

__all__ = [
    "COMPILED_ROOM",
    "NODE_ROOM",
    "checkpoint_chunk",
    "default_chunk",
    "require_checkpoint",
    "require_chunk",
]

FEWEST, MOST = 4, 1024
WIDE = 32
"""Samples of a batch that fill a matrix product, without further steps."""
SHORTEST = 32
"""Steps of a chunk between checkpoints, at least: so many are always worth a kernel."""
NODE_ROOM, COMPILED_ROOM = 2**26, 2**22
"""Bytes of the values of a chunk, where nodes run one after the other and where the whole run is
compiled; with more, runs were measured to be slower."""
LAYER_ROOM = 2**21
"""Bytes of the values of one layer in a compiled network, likewise."""
CONVOLUTION_ROOM = 2**28
"""The same where a compiled network has convolutions: XLA computes them several times as slowly in
a loop as outside of one."""


def default_chunk(schedule: Schedule, batch: Shape, itemsize: int, room: int) -> int:
    """The number of steps, a power of two, whose values fit into a room.

    A chunk that leaves the processor's cache costs more than the calls that it saves.

    Arguments:
        batch: batch axes of the run.
        itemsize: bytes of a number.
        room: bytes; `NODE_ROOM` or `COMPILED_ROOM`.
    """
    samples = math.prod(batch)
    sizes = [math.prod(node.output_shape) * samples * itemsize for node in schedule.nodes]
    if room == COMPILED_ROOM:
        if any(isinstance(node.dynamics, Convolution) for node in schedule.nodes):
            room = CONVOLUTION_ROOM
        elif _runs_step_by_step(schedule, samples, max(sizes, default=0)):
            return 1
    fitting = max(FEWEST, min(MOST, room // max(1, sum(sizes))))
    return 1 << (fitting.bit_length() - 1)  # lengths of runs are often multiples of these


def _runs_step_by_step(schedule: Schedule, samples: int, largest: int) -> bool:
    """Whether a compiled network runs whole in one loop over time.

    That is where a few steps of one layer leave the cache; and with a wide batch where the network
    loops in any case, because of feedback.

    Arguments:
        largest: bytes of a step's values of the largest layer.
    """
    loops = any(segment.stepwise for segment in schedule.segments)
    return largest * FEWEST > LAYER_ROOM or (loops and samples >= WIDE)


def checkpoint_chunk(schedule: Schedule, length: int) -> int:
    """The number of steps for which a run with checkpoints takes about the least memory.

    A gradient then holds the states at the borders of all chunks and the values of one chunk.
    Let a state have S numbers, a step V values and the run T steps: chunks of C steps take
    S*T/C + V*C numbers, least where C = sqrt(T*S/V). That is below sqrt(T), unless a Delay keeps
    many steps. The sum hardly changes near its minimum, so chunks are never too short for kernels,
    and of nearly as good lengths the first is taken that divides the run: a compiled program then
    copies no input.

    Arguments:
        length: number of steps of the run.
    """
    states = sum(_numbers(schedule.node_state_shapes(node)) for node in schedule.nodes)
    values = sum(math.prod(node.output_shape) for node in schedule.nodes)
    best = math.sqrt(length * states / max(1, values))
    least = max(SHORTEST, math.ceil(best))
    return next((c for c in range(least, 2 * least + 1) if length % c == 0), least)


def _numbers(shapes: Mapping[str, Any]) -> int:
    """Numbers of a tree of shapes."""
    trees = (_numbers(s) if isinstance(s, Mapping) else math.prod(s) for s in shapes.values())
    return sum(trees)


def require_chunk(chunk: Any) -> int:
    """Check a caller's number of steps.

    **Raises**: `InputError`.
    """
    if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
        raise InputError(f"chunk={chunk!r}; expected a whole number of steps, at least 1, or None")
    return chunk


def require_checkpoint(checkpoint: Any) -> bool:
    """Check a caller's choice.

    **Raises**: `InputError`.
    """
    if not isinstance(checkpoint, bool):
        raise InputError(
            f"checkpoint={checkpoint!r}; expected True or False (chunk= takes a number of steps)"
        )
    return checkpoint
