"""Where the tracer refuses a model: its unknown neurons as `nirx.Neuron` nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax

from nirx.errors import UnsupportedError
from nirx.execution.runners import takes_state
from nirx.tracing.draft import Draft
from nirx_jax.cell_node import Cell, cell_of
from nirx_jax.cell_root import name_of
from nirx_jax.cell_state import state_of_part
from nirx_jax.exporters import CONTAINERS, Exporters
from nirx_jax.leaf import Leaf, Place

__all__ = ["CellExporters", "cell_draft"]


class CellExporters(Exporters):
    """Exporters for which modules with state, without a mapped module in them, are cells too.

    Arguments:
        module_map, default_map: see `Exporters`.
        root: the model.
        any_name: whether the second argument of a part is a state, whatever it is called.
    """

    def __init__(self, module_map: Any, default_map: Any, root: Any, any_name: bool = False):
        super().__init__(module_map, default_map)
        self.root, self.any_name = root, any_name
        self.cells: dict[str, Cell] = {}

    def is_leaf(self, node: Any) -> bool:
        return super().is_leaf(node) or (node is not self.root and self.is_cell(node))

    def is_perhaps(self, node: Any) -> bool:
        return not (super().is_leaf(node) or takes_state(node))

    def is_cell(self, node: Any) -> bool:
        """Whether a part of a model is one neuron, as far as can be seen without tracing it."""
        is_known = super().is_leaf(node) or isinstance(node, CONTAINERS)
        if is_known or not (isinstance(node, eqx.Module) and callable(node)):
            return False
        named = state_of_part(node) is not None if self.any_name else takes_state(node)
        return named and not self.holds_mapped(node)

    def holds_mapped(self, model: Any) -> bool:
        """Whether a map has an entry for a part of a model."""
        mapped = super().is_leaf
        return any(map(mapped, jax.tree.leaves(model, is_leaf=mapped)))

    def has_cells(self) -> bool:
        """Whether there are any in the model."""
        found = jax.tree.leaves(self.root, is_leaf=self.is_leaf)
        return any(map(self.is_cell, (part for part in found if part is not self.root)))

    def export(self, leaf: Leaf) -> Any:
        if self.is_mapped(leaf._module) or not self.is_cell(leaf._module):
            return super().export(leaf)
        if leaf._path not in self.done:
            x, *_ = leaf._given.values()
            own = any(hasattr(leaf._module, name) for name in ("init_state", "initial_state"))
            state = None if own else leaf._given.get(state_of_part(leaf._module) or "")
            cell = cell_of(leaf._module, leaf._path, x, state)
            self.cells[leaf._path] = cell
            self.done[leaf._path] = cell.node
        return self.done[leaf._path]

    def start(self, leaf: Leaf, before: Mapping[Place, Any]) -> None:
        cell = self.cells.get(leaf._path)
        if cell is not None:
            cell.start(before)


def cell_draft(cell: Any, example: Any, example_state: Any) -> Draft:
    """The draft of a model that is one neuron. **Raises** `UnsupportedError`, `InputError`."""
    kind = name_of(cell)
    found = cell_of(cell, kind, example, example_state)
    if not found.traced.states:
        raise UnsupportedError(f"{kind} has no state; a nirx.Neuron is made of what has one")
    draft = Draft()
    value = draft.input("input", found.traced.shape)
    node = draft.node(kind.strip("<>").lower(), found.node, value)
    draft.output("output", node)
    return draft
