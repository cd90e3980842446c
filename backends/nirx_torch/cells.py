"""Cells: modules outside every map whose step is elementwise, as `nirx.Neuron` nodes."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.program import RESERVED
from nirx.errors import UnsupportedError
from nirx.tracing.membranes import with_names
from nirx.tracing.recognition.in_drafts import as_cell
from nirx_torch.cell_confirm import require_same
from nirx_torch.cell_program import ProgramWriter, live_nodes
from nirx_torch.cell_start import initial_values
from nirx_torch.cell_state import (
    RETURNED,
    Call,
    Slot,
    first_call,
    later_call,
    parts,
    state_arguments,
)
from nirx_torch.cell_trace import CallFailed, Cell
from nirx_torch.held_values import places, take

__all__ = ["TracedCell", "trace_cell"]


@dataclass(frozen=True)
class TracedCell:
    """A cell as a node.

    Arguments:
        node: the node.
        returns_state: whether the module's call returns (y, state).
    """

    node: Neuron
    returns_state: bool


def trace_cell(
    module: torch.nn.Module, where: str, shape: tuple[int, ...] | None = None
) -> TracedCell | None:
    """The node of a module whose step is elementwise; None for a module without state.

    Arguments:
        module: the module, which is left as it is.
        where: its path, for errors.
        shape: of one sample, if it is known.

    **Raises**: `UnsupportedError` for a step that is not elementwise, with the line.
    """
    failed: list[tuple[bool, int, UnsupportedError]] = []
    for known in dict.fromkeys([shape] if shape is not None else _shapes(module)):
        try:
            return _traced(Cell(module, where, known))
        except UnsupportedError as error:
            failed.append((isinstance(error, CallFailed), len(known), error))
    # An operation says more than a call that fails, and one on a vector more than on another array.
    raise min(failed, key=lambda entry: entry[:2])[2]


def _shapes(module: torch.nn.Module) -> Iterator[tuple[int, ...]]:
    """Shapes of one sample that may suit a module."""
    own = [
        tuple(t.shape)
        for t in (*torch.nn.Module.parameters(module), *torch.nn.Module.buffers(module))
        if t.numel()
    ]
    try:
        common = tuple(torch.broadcast_shapes(*own))
        yield common or (3,)
        yield common[-1:] or (3,)
        if len(common) > 1:  # the first axis may be the batch of an example
            yield common[1:]
    except RuntimeError:
        pass
    for value in vars(module).values():
        if type(value) is int and 1 < value < 4096:
            yield (value,)
    yield (3,)


def _traced(cell: Cell) -> TracedCell | None:
    before = parts(cell.module)
    first = first_call(cell)
    later = _later(cell, before, first)
    returned = bool(first.trees[RETURNED][0])
    if not later.lifted:
        return None
    inputs = dict(zip(later.lifted, later.graph.inputs[1:], strict=True))
    states = _states(cell, later, inputs)
    if not states:
        return None
    names = _names(states, cell.module)
    new = {names[slot]: later.output(slot) for slot in states}
    placeholders = {inputs[slot]: names[slot] for slot in states}
    writer = ProgramWriter(cell, later.graph, placeholders, _tensor_names(cell.module, before))
    program = writer.write(later.graph.outputs[0], new)
    require_same(cell, later.graph, program, writer.parameters, placeholders, new)
    held = _held_before(before, first, cell)
    start = initial_values(cell, first, later, states, held)
    node = Neuron(
        program,
        writer.parameters,
        {names[slot]: value for slot, value in start.items()},
        {},
        type(cell.module).__name__,
    )
    return TracedCell(as_cell(with_names(node, _recorded(later, new))), returned)


def _later(cell: Cell, before: dict[int, Any], first: Call) -> Call:
    """A call after the first one, whose state keeps its form."""
    takes = state_arguments(cell.module)
    count = len(first.trees[RETURNED][1].children()) if first.trees[RETURNED][0] else 0
    explicit = bool(takes) and count == len(takes)
    try:
        later = later_call(cell, before, first, explicit)
    except UnsupportedError:
        if not explicit:
            raise
        explicit = False
        later = later_call(cell, before, first, explicit)
    for _ in range(2):  # shapes of states may grow in a step
        if _fixed(later):
            break
        later = later_call(cell, before, later, explicit)
    else:
        if not _fixed(later):
            raise cell.refusal("the shape of its state changes from step to step")
    _require_steady(cell, before, later, explicit)
    return later


def _fixed(later: Call) -> bool:
    """Whether a call leaves states of the shapes that it found."""
    for slot, node in zip(later.lifted, later.graph.inputs[1:], strict=True):
        new = later.output(slot)
        if new is None or new.meta["val"].shape != node.meta["val"].shape:
            return False
    return True


def _require_steady(cell: Cell, before: Any, later: Call, explicit: bool) -> None:
    """Numbers that change from call to call do not change the step."""
    again = later_call(cell, before, later, explicit)
    if str(again.graph.code.graph) == str(later.graph.code.graph):
        return
    old, new = later.numbers(), again.numbers()
    changed = [f"self.{place}" for place, i in new if old.get((place, i)) != new[place, i]]
    raise cell.refusal(
        f"its step changes from call to call{f' with {changed[0]}' if changed else ''}; keep what "
        "changes in tensors"
    )


def _states(cell: Cell, later: Call, inputs: dict[Slot, fx.Node]) -> list[Slot]:
    """The slots that the output depends on, and those that are arguments."""
    chosen = [slot for slot in later.lifted if slot.place == RETURNED]
    while True:
        wanted = [later.graph.outputs[0], *(later.output(slot) for slot in chosen)]
        live = live_nodes(later.graph, wanted)
        more = [s for s in later.lifted if s not in chosen and inputs[s] in live]
        if not more:
            return [slot for slot in later.lifted if slot in chosen]
        chosen += more


def _names(states: list[Slot], module: torch.nn.Module) -> dict[Slot, str]:
    """Short names of states, all different."""
    takes = [name for name, _ in state_arguments(module)]
    names: dict[Slot, str] = {}
    for slot in states:
        keys = [key for key in slot.keys for key in key.split(".")]
        if slot.place == RETURNED:
            single = len(keys) == 1
            keys = [takes[int(keys[0])], *keys[1:]] if int(keys[0]) < len(takes) else keys
            generic = single and keys[0] in ("state", "hidden", "s", "hx")
            keys = ["v"] if generic else keys
        name = ""
        for count in range(1, len(keys) + 1):
            name = _identifier("_".join(keys[-count:]))
            if name not in names.values() and not keys[-count].isdigit():
                break
        base, number = name, 1
        while name in names.values():
            number += 1
            name = f"{base}_{number}"
        names[slot] = name
    return names


def _identifier(text: str) -> str:
    """A name that a Neuron may have."""
    name = "".join(c if c.isalnum() else "_" for c in text).strip("_")
    bad = not name or name[0].isdigit() or keyword.iskeyword(name) or name in RESERVED
    return f"own_{name}" if bad else name


def _tensor_names(module: torch.nn.Module, before: dict[int, Any]) -> dict[int, str]:
    """Names of parameters, buffers and other tensors of the module, by id."""
    names = {id(p): _identifier(path) for path, p in torch.nn.Module.named_parameters(module)}
    for key, slot in before.items():
        names.setdefault(key, _identifier("_".join(slot.keys)))
    return names


def _held_before(before: dict[int, Any], first: Call, cell: Cell) -> dict[Slot, Any]:
    """What the slots of attributes hold before the first call: tensors and numbers."""
    found: dict[Slot, Any] = {}
    for slot in first.slots:
        if slot.place != RETURNED and len(first.trees[slot.place][0]) == 1:
            place = places(cell.module).get(slot.place)
            value = None if place is None else take(place)
            if isinstance(value, int | float | torch.Tensor):
                found[slot] = value
    return found


def _recorded(later: Call, new: dict[str, fx.Node]) -> dict[str, str]:
    """Where the call returns which state, for recordings."""
    found = {}
    for slot in later.slots:
        if slot.place == RETURNED:
            first, *rest = slot.keys
            path = ".".join((str(1 + int(first)), *rest))
            node = later.output(slot)
            found[path] = next((name for name, own in new.items() if own is node), "")
    return found
