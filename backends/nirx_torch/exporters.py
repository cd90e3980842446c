"""The maps of one export of a torch model, and which of its modules return a state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from nirx.basics.type_map import Handler, TypeMap
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import has_neuron
from nirx.execution.runners import takes_state
from nirx.tracing import exporters
from nirx.tracing.recognition.in_drafts import recognise_alone
from nirx_torch.cells import TracedCell
from nirx_torch.held_values import has_own_forward
from nirx_torch.native import NativeNode

__all__ = ["Exporters", "Stateful", "starts_afresh"]

Stateful = type | Callable[[torch.nn.Module], bool]
"""A type of modules whose call returns (y, state), or a function that recognizes them."""


class Exporters(exporters.Exporters):
    """The maps of one export.

    Arguments:
        module_map, default_dict: see `torch_to_nir`.
        stateful: modules whose call returns (y, state).
    """

    library = "torch.nn", "torch.nn."

    def __init__(
        self,
        module_map: Mapping[type, Handler | None] | None,
        default_dict: Mapping[type, Handler | None] | None,
        stateful: tuple[Stateful, ...],
    ):
        super().__init__(module_map, default_dict, "default_dict")
        self.stateful = stateful
        self.cells: dict[int, TracedCell] = {}
        """Modules in no map that are neurons of their own, by id."""

    def is_mapped(self, module: Any) -> bool:
        """Whether a module is a node (or nothing), whatever is inside it."""
        if id(module) in self.cells:
            return True
        own = self.maps[0]  # the caller's; a library's is a TypeMap
        said = own is not None and not isinstance(own, TypeMap) and type(module) in own
        return super().is_mapped(module) and (said or not has_own_forward(module))

    def node_of(self, module: Any, where: str) -> Any:
        """The module's node, or None to bypass it. **Raises** `UnsupportedError`."""
        cell = self.cells.get(id(module))
        return super().node_of(module, where) if cell is None else cell.node

    def export_root(self, module: torch.nn.Module, discretization: Discretization | None) -> Any:
        """The node of a model that is a mapped module itself, or a cell."""
        cell = self.cells.get(id(module))
        if cell is not None:
            return recognise_alone(cell.node, discretization)
        return super().export_root(module, discretization)

    def has_state(self, module: torch.nn.Module) -> bool:
        """Whether the module's call returns (y, state)."""
        cell = self.cells.get(id(module))
        if cell is not None:
            return cell.returns_state
        found = (isinstance(module, s) if isinstance(s, type) else s(module) for s in self.stateful)
        return any(found) or starts_afresh(module)

    def has_memory(self, module: torch.nn.Module, where: str) -> bool:
        """Whether the module's node keeps a state. **Raises** `UnsupportedError`."""
        made = self.export(module, where)
        return made is not None and has_neuron(made)

    def export(self, module: torch.nn.Module, where: str) -> Any:
        """The module's node, or None to bypass it. **Raises** `UnsupportedError`."""
        if id(module) not in self.done:
            node = self.node_of(module, where)
            self.done[id(module)] = module, node  # the module too, so that its id stays taken
        return self.done[id(module)][1]


def starts_afresh(module: torch.nn.Module) -> bool:
    """Whether a call without a state starts from the initial state.

    Modules with memory whose forward has no argument `state` continue where they stopped.
    nirx's own modules always take a state, but return one only if their node has memory.
    """
    has_memory = module.has_memory if isinstance(module, NativeNode) else True
    return takes_state(module.forward) and has_memory
