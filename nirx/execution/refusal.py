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
    """

    def __init__(
        self,
        found: str,
        expected: str,
        rule: Discretization | None = None,
        node: Any = None,
        place: str = "",
    ):
        where = f"{place!r}: " if place else ""
        super().__init__(f"{where}{found}; {expected}")
        self.found, self.expected, self.place = found, expected, place
        self.rule, self.node = rule, node

    def at(self, place: str) -> NotRepresentable:
        """The same refusal with the node's path."""
        return NotRepresentable(self.found, self.expected, self.rule, self.node, place)

    def with_hint(self, hint: str) -> NotRepresentable:
        """The same refusal with a hint to the caller."""
        text = f"{self.expected}; {hint}"
        return NotRepresentable(self.found, text, self.rule, self.node, self.place)
