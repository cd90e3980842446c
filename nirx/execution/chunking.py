"""How many steps are computed together outside feedback, unless a caller says so."""

from __future__ import annotations

import math
from typing import Any

from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.graphs.schedule import Schedule

__all__ = ["COMPILED_ROOM", "NODE_ROOM", "default_chunk", "require_chunk"]

FEWEST, MOST = 4, 1024
NODE_ROOM, COMPILED_ROOM = 2**26, 2**22
"""Bytes of the values of a chunk, where nodes run one after the other and where the whole run is
compiled; with more, runs were measured to be slower."""


def default_chunk(schedule: Schedule, batch: Shape, itemsize: int, room: int) -> int:
    """The number of steps, a power of two, whose values fit into a room.

    A chunk that leaves the processor's cache costs more than the calls that it saves.

    Arguments:
        batch: batch axes of the run.
        itemsize: bytes of a number.
        room: bytes; `NODE_ROOM` or `COMPILED_ROOM`.
    """
    elements = sum(math.prod(node.output_shape) for node in schedule.nodes)
    step = max(1, math.prod(batch) * elements * itemsize)
    fitting = max(FEWEST, min(MOST, room // step))
    return 1 << (fitting.bit_length() - 1)  # lengths of runs are often multiples of these


def require_chunk(chunk: Any) -> int:
    """Check a caller's number of steps.

    **Raises**: `InputError`.
    """
    if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
        raise InputError(f"chunk={chunk!r}; expected a whole number of steps, at least 1, or None")
    return chunk
