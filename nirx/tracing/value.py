"""`Value`: what flows through a traced program, as the sum of what nodes give."""

from __future__ import annotations

from dataclasses import dataclass, field

from nirx.dynamics.ops import Shape

__all__ = ["Loop", "Source", "Value"]


@dataclass(eq=False)
class Loop:
    """The previous step's value of something that is computed later in the step.

    Arguments:
        name: for the Delay that may stand for it, and for errors.
        value: what it is closed with; None while the program is still being read.
    """

    name: str
    shape: Shape | None = None
    value: Value | None = None
    forced: bool = field(default=False, repr=False)
    """Whether it needs an explicit Delay."""


Source = str | Loop
"""A node of the draft by its name, or a loop."""


@dataclass(frozen=True)
class Value:
    """A sum of sources, in the order of the additions; no source at all is zero.

    Arguments:
        sources: what is added up; one that stands twice counts twice.
        shape: of one sample, without batch and time; None where it is not known yet.
    """

    sources: tuple[Source, ...]
    shape: Shape | None = None

    def __add__(self, other: Value) -> Value:
        shape = self.shape if self.shape is not None else other.shape
        return Value((*self.sources, *other.sources), shape)
