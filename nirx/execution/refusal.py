"""`NotRepresentable`: a library's own neuron cannot do what a node asks for."""

from __future__ import annotations

from typing import Any

from nirx.dynamics.discretization import Discretization
from nirx.errors import UnsupportedError

__all__ = ["NotRepresentable"]


class NotRepresentable(UnsupportedError):
    """A node that a library cannot represent, and the nearest one that it can.

    Arguments:
        found: the parameter or choice that does not fit, and its value.
        expected: what the library can do, by name.
        rule: the nearest discretization for the node, if a choice is at fault.
        node: the nearest node, if a parameter is at fault.
        place: path of the node; `at` fills it in.
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
        self.found, self.expected, self.rule, self.node, self.place = (
            found,
            expected,
            rule,
            node,
            place,
        )

    def at(self, place: str) -> NotRepresentable:
        """The same refusal with the node's path."""
        return NotRepresentable(self.found, self.expected, self.rule, self.node, place)

    def with_hint(self, hint: str) -> NotRepresentable:
        """The same refusal, and what the caller can do."""
        text = f"{self.expected}; {hint}"
        return NotRepresentable(self.found, text, self.rule, self.node, self.place)
