"""`Value`: what flows through a traced program, as a sum of outputs of nodes."""

from __future__ import annotations

from dataclasses import dataclass

from nirx.dynamics.ops import Shape

__all__ = ["Loop", "Source", "Value"]


@dataclass(eq=False)
class Loop:
    """The previous time step's value of something that is computed later in the step.

    Arguments:
        name: of the Delay that may stand for it; also used in errors.
        shape: of one sample, without batch and time; None while it is unknown.
        value: what closes the loop; None while the program is still being read.
    """

    name: str
    shape: Shape | None = None
    value: Value | None = None


Source = str | Loop
"""The name of a node of the draft, or a loop."""


@dataclass(frozen=True)
class Value:
    """A sum of sources, in the order of the additions; a sum of nothing is zero.

    Arguments:
        sources: the terms; one that appears twice counts twice.
        shape: of one sample, without batch and time; None while it is unknown.
    """

    sources: tuple[Source, ...]
    shape: Shape | None = None

    def __add__(self, other: Value) -> Value:
        shape = self.shape if self.shape is not None else other.shape
        return Value((*self.sources, *other.sources), shape)

    def renamed(self, old: str, new: str) -> Value:
        """The same value after a node got another name."""
        return Value(tuple(new if s == old else s for s in self.sources), self.shape)
