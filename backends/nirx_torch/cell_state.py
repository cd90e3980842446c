"""Where a cell keeps state: in its further arguments, or in attributes that its calls change."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils import _pytree as pytree

from nirx_torch.cell_trace import Cell, StepGraph, traced
from nirx_torch.held_values import ABSENT, places, put, remember_attributes, same_numbers, take
from nirx_torch.trace import OPTIONS

__all__ = ["RETURNED", "Call", "Slot", "first_call", "later_call", "parts", "state_arguments"]

Key = tuple[str, ...]

RETURNED = "returned"
"""The place of what a module returns beside its output."""


@dataclass(frozen=True)
class Slot:
    """A tensor that may be state.

    Arguments:
        place: `RETURNED`, or the path of the attribute.
        leaf: its number among the leaves there.
        keys: the way to it, such as ("1", "v") or ("_memories", "v").
    """

    place: str
    leaf: int
    keys: Key


@dataclass
class Call:
    """What is there after a call.

    Arguments:
        trees: leaves and structure at each place.
        slots: where the tensors are that the graph gives after its output, in this order.
        graph: the graph.
        lifted: the slots that are inputs of the graph, in this order.
    """

    trees: dict[str, tuple[list[Any], Any]] = field(default_factory=dict)
    slots: list[Slot] = field(default_factory=list)
    graph: StepGraph = None  # type: ignore[assignment]
    lifted: list[Slot] = field(default_factory=list)

    def output(self, slot: Slot) -> Any:
        """The node that computes what a slot holds after the call, or None."""
        return self.graph.outputs[1 + self.slots.index(slot)] if slot in self.slots else None

    def numbers(self) -> dict[tuple[str, int], Any]:
        """Plain numbers in attributes, by place."""
        return {
            (place, i): leaf
            for place, (leaves, _) in self.trees.items()
            for i, leaf in enumerate(leaves)
            if place != RETURNED and isinstance(leaf, bool | int | float)
        }


def first_call(cell: Cell) -> Call:
    """The first call, without a state. **Raises** `UnsupportedError`."""
    after = Call()
    required = [n for n, default in state_arguments(cell.module) if default is inspect._empty]

    def function(x: torch.Tensor) -> list[torch.Tensor]:
        return _collect(cell, cell.module(x, *(None for _ in required)), after)

    with kept(cell.module):
        after.graph = traced(cell, function, [cell.example()])
    return after


def later_call(cell: Cell, before: dict[int, Slot | None], last: Call, explicit: bool) -> Call:
    """A call that goes on from what another one left.

    Arguments:
        cell: the cell.
        before: ids of the tensors that the attributes held at first.
        last: the other call.
        explicit: whether the state that it returned is passed as arguments.

    **Raises**: `UnsupportedError`.
    """
    after = Call()
    written = {id(last.graph.constant(n)) for n in last.graph.written if n.op == "get_attr"}
    for slot in last.slots:
        value = last.trees[slot.place][0][slot.leaf]
        own = slot.place != RETURNED and id(value) in before and id(value) not in written
        if (explicit or slot.place != RETURNED) and not own:
            after.lifted.append(slot)

    def function(x: torch.Tensor, *inputs: torch.Tensor) -> list[torch.Tensor]:
        given = _with(last, after.lifted, inputs)
        lifted = {slot.place for slot in after.lifted}
        for path, place in places(cell.module).items():
            if path in given and (path in lifted or _changed(place, last.trees[path])):
                put(place, given[path])
        for path, tree in given.items():  # attributes that the first call made
            if path != RETURNED and path not in places(cell.module):
                owner, _, name = path.rpartition(".")
                put((cell.module.get_submodule(owner), name), tree)
        arguments = given[RETURNED] if explicit else ()
        return _collect(cell, cell.module(x, *arguments), after)

    examples = [_example(last.trees[s.place][0][s.leaf]) for s in after.lifted]
    with kept(cell.module):
        after.graph = traced(cell, function, [cell.example(), *examples])
    return after


def _example(value: torch.Tensor) -> torch.Tensor:
    return torch.zeros(tuple(value.shape), dtype=value.dtype)


def _with(last: Call, slots: list[Slot], values: Any) -> dict[str, Any]:
    """What was at each place, with other tensors in the slots."""
    leaves = {place: list(found) for place, (found, _) in last.trees.items()}
    for slot, value in zip(slots, values, strict=True):
        leaves[slot.place][slot.leaf] = value
    return {place: pytree.tree_unflatten(leaves[place], last.trees[place][1]) for place in leaves}


def _changed(place: Any, tree: tuple[list[Any], Any]) -> bool:
    """Whether a call left something else at a place."""
    leaves, structure = pytree.tree_flatten(take(place))
    same = len(leaves) == len(tree[0]) and structure == tree[1]
    return not same or any(a is not b for a, b in zip(leaves, tree[0], strict=True))


def _collect(cell: Cell, result: Any, after: Call) -> list[torch.Tensor]:
    """Note what a call left; returns the tensors of it, the output first."""
    y, *rest = result if isinstance(result, tuple | list) and len(result) else (result,)
    if not isinstance(y, torch.Tensor):
        raise cell.refusal(f"its forward returns a {type(y).__name__}; expected y or (y, state)")
    after.trees, after.slots = {}, []
    tensors = [y]
    for place, tree in {RETURNED: tuple(rest), **_held(cell.module)}.items():
        found, structure = pytree.tree_flatten_with_path(tree)
        after.trees[place] = [leaf for _, leaf in found], structure
        for i, (path, leaf) in enumerate(found):
            if isinstance(leaf, torch.Tensor):
                start = () if place == RETURNED else (place,)
                after.slots.append(Slot(place, i, (*start, *map(_key, path))))
                tensors.append(leaf)
    return tensors


def _held(module: torch.nn.Module) -> dict[str, Any]:
    return {p: v for p, place in places(module).items() if (v := take(place)) is not ABSENT}


def _key(key: Any) -> str:
    for name in ("name", "key", "idx"):
        if hasattr(key, name):
            return str(getattr(key, name))
    return str(key)


def parts(module: torch.nn.Module) -> dict[int, Slot | None]:
    """Ids of the tensors that attributes and buffers hold, also in tuples and dicts, with their
    places."""
    found: dict[int, Slot | None] = {}
    for place, tree in _held(module).items():
        for i, (path, leaf) in enumerate(pytree.tree_flatten_with_path(tree)[0]):
            if isinstance(leaf, torch.Tensor):
                found.setdefault(id(leaf), Slot(place, i, (place, *map(_key, path))))
    return found


def state_arguments(module: torch.nn.Module) -> list[tuple[str, Any]]:
    """The arguments after the input that may carry state, with their defaults."""
    positional = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    known = list(inspect.signature(module.forward).parameters.values())[1:]
    return [
        (p.name, p.default)
        for p in known
        if p.kind in positional and (p.default is None or p.default is inspect._empty)
        if type(p.default) not in OPTIONS
    ]


@contextmanager
def kept(module: torch.nn.Module) -> Iterator[None]:
    """Leave everything in a module as it was: attributes, what they contain, random numbers."""
    put_back = remember_attributes(module)
    boxes = [(box, box.copy()) for box in _boxes(_held(module))]
    # Libraries give methods of these names another meaning (Rockpool).
    parameters = torch.nn.Module.parameters(module)
    tensors = [*_tensors(_held(module)), *parameters]
    numbers = [(t, t.detach().clone()) for t in tensors]
    gradients = [(t, t.requires_grad) for t in tensors if t.is_leaf]
    random = torch.random.get_rng_state()
    try:
        yield
    finally:
        torch.random.set_rng_state(random)
        put_back()
        for box, content in boxes:
            box.clear()
            box.extend(content) if isinstance(box, list) else box.update(content)
        with torch.no_grad():
            for tensor, content in numbers:
                if not same_numbers(tensor, content):
                    tensor.copy_(content)
        for tensor, wanted in gradients:
            tensor.requires_grad_(wanted)


def _boxes(tree: Any) -> Iterator[Any]:
    """The lists, dicts and sets in a nest."""
    if type(tree) in (dict, list, set):
        yield tree
    if isinstance(tree, dict | list | tuple):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from _boxes(part)


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
