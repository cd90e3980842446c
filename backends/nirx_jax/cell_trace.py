"""One step of a cell, traced by itself: its arrays, its state, its operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from nirx.errors import InputError, NirxError, UnsupportedError
from nirx_jax.cell_flat import FlatCell, Slot, flattened
from nirx_jax.cell_leaves import closed_over, leaves_of
from nirx_jax.cell_state import state_argument, state_before, zeros_before
from nirx_jax.leaf import Place, dotted, is_array
from nirx_jax.trace import branching, call_failed

__all__ = ["StateArray", "TracedCell", "traced_cell"]


@dataclass
class StateArray:
    """An array of a cell's state.

    Arguments:
        name: of it.
        place: where it is in the state that the call takes; None for an array that the cell
            holds itself and changes.
        start: its value before the first step.
        old, new: what a step reads, and what it leaves.
    """

    name: str
    place: Place | None
    start: Any
    old: Slot
    new: Slot


@dataclass
class TracedCell:
    """One step of a cell.

    Arguments:
        kind: its type, for errors.
        shape: of its input.
        flat: the operations.
        x, y: its input and output.
        parameters: name, array and value in the program of all arrays that are no state.
        states: the arrays of its state.
    """

    kind: str
    shape: tuple[int, ...]
    flat: FlatCell
    x: Slot
    y: Slot
    parameters: list[tuple[str, Any, Slot]]
    states: list[StateArray]


def traced_cell(cell: Any, kind: str, example: Any, example_state: Any = None) -> TracedCell:
    """Trace one step of a cell, which is left as it is.

    Arguments:
        cell, kind, example, example_state: see `nirx_jax.cell_node.cell_of`.

    **Raises**: `UnsupportedError` where the step branches on values; `InputError`.
    """
    call = _Call(cell, kind, example, example_state)
    own, before = leaves_of(cell), call.before
    found, structure = jax.tree_util.tree_flatten_with_path(before)

    def step(arrays: list[Any], x: Any, state: list[Any]) -> Any:
        module = own.rebuilt(arrays)
        y, after = call(module, x, jax.tree.unflatten(structure, state))
        if not is_array(y):
            raise UnsupportedError(f"{kind} returns a {type(y).__name__}; expected one array")
        if jax.tree.structure(after) != structure:
            raise InputError(
                f"{kind}: the new state is {jax.tree.structure(after)}, the old one {structure}; "
                "expected the same structure"
            )
        return y, jax.tree.leaves(after), own.arrays_of(module)

    try:
        jaxpr = jax.make_jaxpr(step)(own.arrays, call.example, [array for _, array in found])
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
        raise branching(kind, error, "use jnp.where") from error
    except (TypeError, ValueError) as error:
        if isinstance(error, NirxError):
            raise
        raise call_failed(kind, [call.example, *(array for _, array in found)], error) from error
    shape, gives = call.example.shape, jaxpr.out_avals[0].shape
    if gives != shape:
        raise UnsupportedError(
            f"{kind} takes {shape} and gives {gives}; a nirx.Neuron gives the shape that it takes"
        )
    flat = flattened(jaxpr, kind)
    many = len(own.arrays)
    arrays, x, old = flat.inputs[:many], flat.inputs[many], flat.inputs[many + 1 :]
    y, new, kept = flat.results[0], flat.results[1:][: len(old)], flat.results[1 + len(old) :]
    states = [
        StateArray(_name(path, call.argument, len(found)), path, array, a, b)
        for (path, array), a, b in zip(found, old, new, strict=True)
    ]
    parameters = []
    for n, (name, array, slot) in enumerate(zip(own.names, own.arrays, arrays, strict=True)):
        if kept and kept[n] is not slot:
            states.append(StateArray(name, None, array, slot, kept[n]))
        else:
            parameters.append((name, array, slot))
    names = closed_over(cell, [array for _, array in flat.constants])
    parameters += [(n, a, s) for n, (s, a) in zip(names, flat.constants, strict=True)]
    return TracedCell(kind, shape, flat, x, y, parameters, states)


class _Call:
    """How a cell is called, and its state before the first step."""

    def __init__(self, cell: Any, kind: str, example: Any, example_state: Any):
        self.kind = kind
        dtype = jax.dtypes.canonicalize_dtype(example.dtype)
        dtype = dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.zeros(()).dtype
        self.example = jax.ShapeDtypeStruct(tuple(example.shape), dtype)
        before = state_before(cell, kind, example_state)
        self.argument = state_argument(cell, before is not None)
        if self.argument is None:
            if example_state is not None:
                raise InputError(f"{kind}: its call takes no state, so leave out example_state")
            before = ()
        elif before is None:
            before = zeros_before(lambda x, s: self(cell, x, s), kind, self.example)
        if any(part is None for part in jax.tree.leaves(before, is_leaf=lambda p: p is None)):
            raise InputError(f"{kind}: a part of its state is None; pass example_state of arrays")
        self.before = jax.tree.map(jnp.asarray, before)

    def __call__(self, module: Any, x: Any, state: Any) -> tuple[Any, Any]:
        if self.argument is None:
            return module(x), ()
        result = module(x, state=state) if self.argument == "state" else module(x, state)
        if not (isinstance(result, tuple | list) and len(result) == 2):
            raise InputError(
                f"{self.kind} takes a state but gave a {type(result).__name__}; expected (y, state)"
            )
        return result[0], result[1]


def _name(path: Place, argument: str | None, many: int) -> str:
    """The name of a part of the state: its keys, and the argument's name before a position."""
    name = dotted(path)
    if name and not name[:1].isdigit():
        return name
    return "_".join(filter(None, [argument or "state", name])) if many > 1 else argument or "state"
