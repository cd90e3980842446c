"""`NotRepresentable`: a library's own neuron cannot compute a node."""

from __future__ import annotations

from typing import Any

from nirx.dynamics.discretization import Discretization
from nirx.errors import UnsupportedError

__all__ = ["NotRepresentable"]


class NotRepresentable(UnsupportedError):
    """A node that a library cannot represent, and the closest one that it can.

    Arguments:
        found: the unsupported parameter or choice, and its value.
        expected: what the library supports.
        rule: the closest discretization of the node, if a choice is unsupported.
        node: the closest node, if a parameter is unsupported.
        place: path of the node; set by `at`.
        words: the cause in plain words, which comes first; may be empty.
    """

    def __init__(
        self,
        found: str,
        expected: str,
        rule: Discretization | None = None,
        node: Any = None,
        place: str = "",
        words: str = "",
    ):
        where = f"{place!r}: " if place else ""
        first = f"{words}; " if words else ""
        super().__init__(f"{first}{where}{found}; {expected}")
        self.found, self.expected, self.place, self.words = found, expected, place, words
        self.rule, self.node = rule, node

    def at(self, place: str) -> NotRepresentable:
        """The same refusal with the node's path."""
        return NotRepresentable(self.found, self.expected, self.rule, self.node, place, self.words)

    def with_hint(self, hint: str, words: str = "") -> NotRepresentable:
        """The same refusal with a hint to the caller, and the cause in plain words."""
        text = f"{self.expected}; {hint}"
        return NotRepresentable(self.found, text, self.rule, self.node, self.place, words)
