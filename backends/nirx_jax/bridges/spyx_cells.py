"""spyx: neurons that NIR lacks, spyx's own and users', as `nirx.Neuron`, traced from their code.

A cell has spyx's interface: `initial_state(batch_size)` and (x, state) -> (y, state).
"""

# The library is not in .venv, where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import nir
from flax import nnx

from nirx.basics.find_exporter import find_exporter
from nirx.basics.type_map import ABSENT, TypeMap
from nirx.errors import UnsupportedError
from nirx_jax.cell_node import cell_of

__all__ = ["cell_node", "is_cell", "passes_states"]


def passes_states(model: Any) -> bool:
    """Whether a module has spyx's interface for modules with state."""
    return callable(model) and hasattr(model, "initial_state")


def is_cell(part: Any, module_map: TypeMap) -> bool:
    """Whether a part of a model is a neuron of its own: it passes states, and no layer that the
    map has is in it."""
    if not isinstance(part, nnx.Module) or not passes_states(part) or _is_known(part, module_map):
        return False
    return not any(_is_known(below, module_map) for _, below in nnx.iter_modules(part))


def cell_node(cell: Any, name: str, shape: Any) -> nir.NIRNode:
    """The node of a cell.

    Arguments:
        name: of its place, for errors.
        shape: of one sample of its input; None asks the cell.

    **Raises**: `UnsupportedError`, with the operation and its line, for a step that is not
    elementwise, and for more than one axis: spyx has the channels last.
    """
    shape = getattr(cell, "hidden_shape", shape)
    if shape is None:
        raise UnsupportedError(f"{name}: nothing tells the shape of its input; pass input_shape=")
    if len(shape) != 1:
        raise UnsupportedError(
            f"{name}: {type(cell).__name__} on {len(shape)} axes has no node; spyx has the "
            "channels last and NIR has them first: flatten before it"
        )
    try:
        return cell_of(cell, type(cell).__name__, jnp.zeros(tuple(shape))).node
    except UnsupportedError as refusal:
        raise UnsupportedError(f"{name}: {refusal}") from refusal


def _is_known(part: Any, module_map: TypeMap) -> bool:
    return find_exporter(type(part), module_map) is not ABSENT
