"""The maps of one export of an Equinox model, and the modules that are never traced through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx

from nirx.tracing import exporters
from nirx_jax.leaf import Leaf, Place

__all__ = ["CONTAINERS", "Exporters"]

CONTAINERS = (
    eqx.nn.Sequential,
    eqx.nn.Lambda,
    eqx.nn.MLP,
    eqx.nn.Shared,
    eqx.nn.State,
    eqx.nn.StateIndex,
)
"""The modules of equinox.nn that are traced through. All others are refused by their own name."""


class Exporters(exporters.Exporters):
    """The maps of one export."""

    library = "equinox", "eqx.nn."

    def is_leaf(self, node: Any) -> bool:
        """Whether a part of a model is exported, or refused, as one node."""
        return self.is_mapped(node) or (
            type(node).__module__.startswith("equinox.nn")
            and callable(node)
            and isinstance(node, eqx.Module)
            and not isinstance(node, CONTAINERS)
        )

    def is_perhaps(self, node: Any) -> bool:
        """Whether a leaf is one only if its call returns (y, state)."""
        return False

    def is_mapped(self, module: Any) -> bool:
        """Whether a map has an entry for a part of a model, which may be any object."""
        return not isinstance(module, type) and callable(module) and super().is_mapped(module)

    def export(self, leaf: Leaf) -> Any:
        """The module's node, or None to bypass it. **Raises** `UnsupportedError`."""
        if leaf._path not in self.done:
            self.done[leaf._path] = self.node_of(leaf._module, leaf._path)
        return self.done[leaf._path]

    def start(self, leaf: Leaf, before: Mapping[Place, Any]) -> None:
        """Tell the leaf's node what its state holds before the first step; a NIR node has zeros.

        Arguments:
            before: arrays by their places in the leaf's state, where they are known.
        """
