"""`Factors`: what runs take beside the arrays of the network, fitted to measured peaks."""

from __future__ import annotations

from dataclasses import dataclass

from nirx.execution.chunking import NODE_ROOM

__all__ = ["NODE_BY_NODE", "Factors"]


@dataclass(frozen=True)
class Factors:
    """What a backend needs.

    Arguments:
        room: as for `default_chunk`.
        results: copies of the results, besides those that the chunks made.
        passing: what small arrays of a chunk take that are freed before the chunk ends, as a
            multiple of the most that is there at a time: an allocator keeps holes.
        patches: copies of the patches that a convolution multiplies, in fast and in reproducible
            mode.
        parameters: copies of the parameters.
        fixed: bytes that a run takes in any case, above all for compiling it.
        compiles: whether the run is one compiled program, and not nirx's code node after node.
        inputs: how often the inputs are held, where the run is not compiled.
    """

    room: int
    results: float
    passing: float
    patches: tuple[float, float]
    parameters: float
    fixed: int
    compiles: bool = False
    inputs: int = 1


NODE_BY_NODE = Factors(NODE_ROOM, 1, 1, (1, 1), 1, 5 * 10**6)
"""Of NumPy, and of every backend that states none."""
