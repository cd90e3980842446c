"""`Choice`: which surrogate every node of a graph has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from nirx_conformance.oracle.gradients.node import Spiking
from nirx_conformance.oracle.gradients.surrogates import formula_of, of_json

KEY = "nirx_surrogate"


@dataclass(frozen=True)
class Choice:
    """What a caller asks of the gradients of spikes.

    Arguments:
        surrogate: of all nodes, in any form of `formula_of`; or of some, by patterns of paths, of
            which the first that fits counts. Other nodes, or all if it is None, have the one in
            their metadata, else superspike.
        detach_reset: of all nodes.
    """

    surrogate: Any = None
    detach_reset: bool = False

    def at(self, path: str, node: Any) -> Spiking:
        """How gradients pass the spikes of a node."""
        chosen: Any = None
        if isinstance(self.surrogate, Mapping):
            patterns = self.surrogate.items()
            fitting = (own for key, own in patterns if key == path or fnmatchcase(path, key))
            chosen = next(fitting, None)
        else:
            chosen = self.surrogate
        if chosen is not None:
            return Spiking(formula_of(chosen), self.detach_reset)
        stored = (getattr(node, "metadata", None) or {}).get(KEY)
        own = formula_of("superspike") if stored is None else of_json(stored)
        return Spiking(own, self.detach_reset)
