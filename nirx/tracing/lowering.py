"""What flows through a trace besides values, and what both kinds of traced operation share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.errors import UnsupportedError
from nirx.tracing.draft import Draft

__all__ = ["OWN_MODULE", "Constant", "TracedOperation"]

OWN_MODULE = (
    "move it into a module and add that to module_map; a neuron becomes a node without an entry if "
    "its step is a module of its own, from (x, state) to (y, state), without the layers "
    "(docs/my-neuron.md)"
)
"""The suggested fix for an operation in a model's own call."""


@dataclass(frozen=True)
class Constant:
    """A number, an array or anything else that does not depend on the network's inputs."""

    content: Any


@dataclass(frozen=True)
class TracedOperation:
    """One operation of a trace.

    Arguments:
        draft: receives the operation's nodes.
        name: for the node that it may become.
        place: the operation and where it is in the program, for errors.
    """

    draft: Draft
    name: str
    place: str

    def lower(self, lowering: Callable[[Any], Any]) -> Any:
        """The result of a lowering, whose errors then name the place."""
        try:
            return lowering(self)
        except UnsupportedError as error:
            if self.place in str(error):
                raise
            raise UnsupportedError(f"{self.place}: {error}") from error

    def refuse(self, found: str, mend: str = "") -> UnsupportedError:
        """The error for what NIR cannot express."""
        end = f"; {mend}" if mend else ""
        return UnsupportedError(f"{self.place} {found}, which has no NIR node{end}")

    def reciprocal(self, divisor: np.ndarray) -> np.ndarray:
        """1 / divisor. **Raises** `UnsupportedError` unless it is exact: a power of two."""
        if not divisor.all() or not (np.abs(np.frexp(divisor)[0]) == 0.5).all():
            raise self.refuse(
                "divides, and a product with the reciprocal rounds differently",
                "multiply by the reciprocal instead",
            )
        return 1.0 / divisor
