"""`ArithmeticDiagnosis`: the integers of a chip, as far as a recording tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import nir

from nirx.dynamics.arithmetic import Arithmetic

__all__ = ["ArithmeticDiagnosis"]


@dataclass(frozen=True)
class ArithmeticDiagnosis:
    """Which arithmetic explains a recording in integers.

    Arguments:
        arithmetic: the best one.
        asked: the one that the search started from.
        possible: per field that matters, the values that explain as much while all others stay as
            in `arithmetic`.
        wrong: recorded numbers that do not follow from the step before; elements: of how many.
        scales: per node, the units of the recording in one of the graph; empty for a graph that
            holds whole numbers itself.
        graph: the graph in integer units, which `arithmetic` goes with.
        sentences: what was found, in words.
    """

    arithmetic: Arithmetic
    asked: Arithmetic
    possible: Mapping[str, tuple[Any, ...]]
    wrong: int
    elements: int
    scales: Mapping[str, float]
    graph: nir.NIRGraph = field(repr=False, compare=False)
    sentences: tuple[str, ...] = ()

    @property
    def pinned(self) -> dict[str, Any]:
        """The fields of which no other value explains as much."""
        return {name: own[0] for name, own in self.possible.items() if len(own) == 1}

    @property
    def open(self) -> dict[str, tuple[Any, ...]]:
        """The fields that the recording leaves open, with the values that remain."""
        return {name: own for name, own in self.possible.items() if len(own) > 1}

    def to_dict(self) -> dict[str, Any]:
        """Everything but the graph as plain data, for JSON."""
        return {
            "arithmetic": self.arithmetic.to_dict(),
            "asked": self.asked.to_dict(),
            "pinned": self.pinned,
            "open": {name: list(own) for name, own in self.open.items()},
            "wrong": self.wrong,
            "elements": self.elements,
            "scales": dict(self.scales),
        }
