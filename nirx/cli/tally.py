"""What a run shows of each array: its shape, extremes, and sum, added up piece by piece."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["Tally", "add_to"]


class Tally:
    """One array `[time, ...]` of a run.

    Arguments:
        piece: its first steps.
    """

    def __init__(self, piece: np.ndarray):
        self.steps, self._tail = 0, piece.shape[1:]
        self.total, self.active = 0.0, False
        self.least: float | None = None
        self.most: float | None = None

    @property
    def shape(self) -> list[int]:
        return [self.steps, *self._tail]

    @property
    def empty(self) -> bool:
        return 0 in self.shape

    def add(self, piece: np.ndarray) -> None:
        """Add the next steps."""
        self.steps += len(piece)
        if not piece.size:
            return
        with np.errstate(over="ignore", invalid="ignore"):  # infinities cancel to NaN
            self.total += float(piece.sum(dtype=np.float64))
        self.active = self.active or bool(piece.any())
        # np.minimum keeps NaN, as the minimum of the whole array does.
        least, most = piece.min(), piece.max()
        self.least = float(least if self.least is None else np.minimum(self.least, least))
        self.most = float(most if self.most is None else np.maximum(self.most, most))


def add_to(tallies: dict[str, Tally], pieces: Mapping[str, np.ndarray]) -> None:
    """Add the next steps of several arrays to their tallies, by name."""
    for name, piece in pieces.items():
        tallies.setdefault(name, Tally(piece)).add(piece)
