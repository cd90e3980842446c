"""A cell, an unknown module or function whose step is elementwise, as a `nirx.Neuron`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.bridging.surrogates import with_surrogate
from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.parameters import NodeMismatch
from nirx.errors import UnsupportedError
from nirx.tracing.recognition.in_drafts import as_cell
from nirx_jax.cell_arrays import at_positions
from nirx_jax.cell_program import Parts, parts_of
from nirx_jax.cell_trace import TracedCell, traced_cell
from nirx_jax.leaf import Place, is_array

__all__ = ["Cell", "cell_of", "only_input"]


@dataclass
class Cell:
    """A cell as a node.

    Arguments:
        node: its NIR node.
        parts: where its states come from.
        traced: its step.
    """

    node: Neuron
    parts: Parts
    traced: TracedCell

    def start(self, before: Mapping[Place, Any]) -> None:
        """Take initial values from the state of a model.

        Arguments:
            before: arrays by their places in this cell's state, where they are known.
        """
        for n, state in enumerate(self.traced.states):
            held = before.get(state.place) if state.place is not None else None
            if is_array(held):
                self.node.initial.update(_initial(self.parts, self.traced, {n: held}))


def only_input(example_input: Any) -> Any:
    """The one array that describes the input, or None if there are several."""
    if isinstance(example_input, Mapping):
        example_input = tuple(example_input.values())
    if isinstance(example_input, tuple | list):
        example_input = example_input[0] if len(example_input) == 1 else None
    has_shape = hasattr(example_input, "shape") and hasattr(example_input, "dtype")
    return example_input if has_shape else None


def cell_of(cell: Any, kind: str, example: Any, example_state: Any = None) -> Cell:
    """The node of a cell.

    Arguments:
        cell: (x) -> y or (x, state) -> (y, state); left as it is.
        kind: what it is called, for errors and as the node's label.
        example: an array of one sample; only its shape and dtype matter.
        example_state: its state before the first step; None takes that of the cell's own method,
            or zeros where it starts from zeros itself.

    **Raises**: `UnsupportedError`, with the operation and its line, for a step that is not
    elementwise; `InputError`.
    """
    traced = traced_cell(cell, kind, example, example_state)
    parts = parts_of(traced)
    starts = {n: state.start for n, state in enumerate(traced.states)}
    parameters: Any = parts.parameters
    try:
        parts.program.check(tuple(parameters))
    except NodeMismatch as mismatch:
        raise UnsupportedError(str(mismatch.fault(kind))) from mismatch
    node = as_cell(Neuron(parts.program, parameters, _initial(parts, traced, starts), {}, kind))
    if parts.surrogates:
        first, *others = parts.surrogates
        same = all(other == first for other in others)
        with_surrogate(node, first if same else None, f"of {kind}")
    return Cell(node, parts, traced)


def _initial(parts: Parts, traced: TracedCell, starts: Mapping[int, Any]) -> dict[str, np.ndarray]:
    """The initial values of the node, from those of arrays of the cell's state."""
    found = {}
    for name, component in parts.states.items():
        if component.leaf in starts:
            held = to_numpy(starts[component.leaf])
            value = at_positions(held, component.positions, traced.shape)
            found[name] = value if value.dtype.kind == "f" else value.astype(np.float32)
    return found
