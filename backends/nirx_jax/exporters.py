"""`Exporters`: the maps of one export, and the modules that none of them may be asked about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx

from nirx.basics.type_map import ABSENT, Handler, find_handler
from nirx.errors import UnsupportedError
from nirx.tracing.exporting import call_exporter
from nirx_jax.leaf import Leaf

__all__ = ["Exporters"]

CONTAINERS = (
    eqx.nn.Sequential,
    eqx.nn.Lambda,
    eqx.nn.MLP,
    eqx.nn.Shared,
    eqx.nn.State,
    eqx.nn.StateIndex,
)
"""Of equinox.nn: these are traced through. All others are refused by name, not by what they do."""


class Exporters:
    """The maps of one export; a module is exported once, however often it is called."""

    def __init__(
        self,
        module_map: Mapping[type, Handler | None] | None,
        default_map: Mapping[type, Handler | None] | None,
    ):
        self.maps = module_map, default_map
        self.done: dict[str, Any] = {}

    def is_leaf(self, node: Any) -> bool:
        """Whether a part of a model is one node, or refused as one."""
        return self.is_mapped(node) or (
            type(node).__module__.startswith("equinox.nn")
            and callable(node)
            and isinstance(node, eqx.Module)
            and not isinstance(node, CONTAINERS)
        )

    def is_mapped(self, node: Any) -> bool:
        """Whether a map knows it."""
        if isinstance(node, type) or not callable(node):
            return False
        return find_handler(type(node), *self.maps) is not ABSENT

    def export(self, leaf: Leaf) -> Any:
        """The module's node, or None to bypass it. **Raises** `UnsupportedError`."""
        if leaf._path not in self.done:
            self.done[leaf._path] = self.node_of(leaf._module, leaf._path)
        return self.done[leaf._path]

    def node_of(self, module: Any, where: str) -> Any:
        """The same for a module."""
        exporter = find_handler(type(module), *self.maps)
        if exporter is ABSENT:
            kind = type(module)
            name = f"eqx.nn.{kind.__name__}" if "equinox" in kind.__module__ else kind.__name__
            raise UnsupportedError(
                f"{name} at {where} has no NIR node; give it an entry in module_map: "
                f"{{{name}: function from the module to a NIR node, or None to bypass it}}"
            )
        try:
            return None if exporter is None else call_exporter(exporter, module, where)
        except UnsupportedError as error:
            raise UnsupportedError(f"{where}: {error}") from error
