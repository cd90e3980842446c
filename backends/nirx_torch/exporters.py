"""The maps of one export: which modules are nodes, and which node each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from nirx.basics.type_map import ABSENT, Handler, find_handler
from nirx.errors import UnsupportedError
from nirx.execution.runners import takes_state
from nirx.tracing.exporting import call_exporter
from nirx_torch.native import NativeNode

__all__ = ["Exporters", "Stateful", "remembers", "starts_afresh"]

Stateful = type | Callable[[torch.nn.Module], bool]
"""A type of modules whose call gives (y, state), or a function that tells them."""


class Exporters:
    """The maps of one export; a module is exported once, however often it is called."""

    def __init__(
        self,
        module_map: Mapping[type, Handler | None] | None,
        default_map: Mapping[type, Handler | None] | None,
        stateful: tuple[Stateful, ...],
    ):
        self.maps = module_map, default_map
        self.stateful = stateful
        self.done: dict[int, Any] = {}

    def is_leaf(self, module: torch.nn.Module) -> bool:
        """Whether a map knows the module."""
        return find_handler(type(module), *self.maps) is not ABSENT

    def has_state(self, module: torch.nn.Module) -> bool:
        """Whether the module's call gives (y, state)."""
        told = (isinstance(module, s) if isinstance(s, type) else s(module) for s in self.stateful)
        return any(told) or starts_afresh(module)

    def export(self, module: torch.nn.Module, where: str) -> Any:
        """The module's node, or None to bypass it. **Raises** `UnsupportedError`."""
        if id(module) not in self.done:
            exporter = find_handler(type(module), *self.maps)
            if exporter is ABSENT:
                kind = type(module)
                prefix = "torch.nn." if kind.__module__.startswith("torch.nn") else ""
                raise UnsupportedError(
                    f"{prefix}{kind.__name__} at {where} has no NIR node; give it an entry in "
                    f"module_map: {{{prefix}{kind.__name__}: function from the module to a NIR "
                    "node, or None to bypass it}"
                )
            try:
                node = None if exporter is None else call_exporter(exporter, module, where)
            except UnsupportedError as error:
                raise UnsupportedError(f"{where}: {error}") from error
            self.done[id(module)] = module, node  # the module too, so that its id stays taken
        return self.done[id(module)][1]


def starts_afresh(module: torch.nn.Module) -> bool:
    """Whether a call without a state begins anew; other modules with memory go on by themselves."""
    return takes_state(module.forward) and remembers(module)


def remembers(module: torch.nn.Module) -> bool:
    """nirx's own modules take a state, but give one only where the node has memory."""
    return module.has_memory if isinstance(module, NativeNode) else True
