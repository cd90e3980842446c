"""What a cell's states hold before the first step.

The first call, without a state, is compared with a later one: where the later one reads a state,
the first one has a constant. Whatever is found is confirmed on random inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import fx

from nirx_torch.cell_program import per_sample
from nirx_torch.cell_state import Call, Slot
from nirx_torch.cell_trace import BATCH, Cell

__all__ = ["initial_values"]

SCALES = (0.1, 1.0, 10.0, 100.0)


def initial_values(
    cell: Cell, first: Call, later: Call, states: list[Slot], held: Mapping[Slot, Any]
) -> dict[Slot, np.ndarray]:
    """The initial value of every state.

    Arguments:
        cell: the cell.
        first, later: two calls of it.
        states: the slots of `later` that are states.
        held: numbers and tensors that the attributes hold before the first call.

    **Raises**: `UnsupportedError` if no initial values make the later call the first one.
    """
    inputs = dict(zip(later.lifted, later.graph.inputs[1:], strict=True))
    found = _matched(first, later, {inputs[slot]: slot for slot in later.lifted})
    constants = _constants(cell, first, found)
    guesses = [
        {s: constants.get(s, held.get(s, 0.0)) for s in later.lifted},
        {s: constants.get(s, 0.0) for s in later.lifted},
        dict.fromkeys(later.lifted, 0.0),
    ]
    for guess in guesses:
        start = [_as_tensor(guess[slot], inputs[slot]) for slot in later.lifted]
        if None not in start and _confirmed(cell, first, later, states, start):
            return {slot: _small(cell, guess[slot], inputs[slot]) for slot in states}
    raise cell.refusal(
        "its first call, without a state, is not a step from any initial state that nirx finds; "
        "create the initial state from constants (torch.zeros_like(x)) and then take the same step"
    )


def _matched(first: Call, later: Call, slots: dict[fx.Node, Slot]) -> dict[Slot, fx.Node]:
    """The value in the first call that each state of the later one stands for."""
    found: dict[Slot, fx.Node] = {}
    work = [(first.graph.outputs[0], later.graph.outputs[0])]
    work += [(first.output(s), later.output(s)) for s in later.slots if s in first.slots]
    seen = set()
    while work:
        a, b = work.pop()
        if (a, b) in seen or not isinstance(a, fx.Node) or not isinstance(b, fx.Node):
            continue
        seen.add((a, b))
        if b in slots:
            found.setdefault(slots[b], a)
        elif a.op == b.op == "call_function" and a.target == b.target:
            work += zip(_flat(a), _flat(b), strict=False)
    return found


def _flat(node: fx.Node) -> list[Any]:
    return [p for a in node.args for p in (a if isinstance(a, list | tuple) else (a,))]


def _constants(cell: Cell, first: Call, found: dict[Slot, fx.Node]) -> dict[Slot, Any]:
    """The values of those that do not depend on the input."""
    runs = [
        first.graph.run([_input(cell, scale, 1)], list(found.values()))[1] for scale in SCALES[:2]
    ]
    return {
        slot: runs[0][node]
        for slot, node in found.items()
        if all(torch.equal(runs[0][node], run[node]) for run in runs)
    }


def _as_tensor(value: Any, node: fx.Node) -> torch.Tensor | None:
    example = node.meta["val"]
    try:
        wide = torch.float64 if example.dtype.is_floating_point else example.dtype
        made = torch.as_tensor(value, dtype=wide).detach()
        return made.expand(tuple(example.shape)).clone()
    except RuntimeError:  # an earlier run's, of another shape
        return None


def _confirmed(cell: Cell, first: Call, later: Call, states: list[Slot], start: list[Any]) -> bool:
    for number, scale in enumerate(SCALES):
        x = _input(cell, scale, number)
        once, _ = first.graph.run([x])
        again, _ = later.graph.run([x, *start])
        pairs = [(once[0], again[0])]
        for slot in states:
            if slot in first.slots and slot in later.slots:
                at = 1 + first.slots.index(slot), 1 + later.slots.index(slot)
                pairs.append((once[at[0]], again[at[1]]))
        for a, b in pairs:
            a, b = torch.broadcast_tensors(a.double(), b.double())  # masks and whole numbers too
            if not torch.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True):
                return False
    return True


def _input(cell: Cell, scale: float, seed: int) -> torch.Tensor:
    example = cell.example()
    random = np.random.default_rng(seed).standard_normal((BATCH, *cell.shape))
    return torch.as_tensor(scale * random, dtype=example.dtype)


def _small(cell: Cell, value: Any, node: fx.Node) -> np.ndarray:
    """An initial value per neuron, or a single one if all are equal."""
    made = torch.as_tensor(value, dtype=None if isinstance(value, torch.Tensor) else torch.float64)
    made = made.detach().to(torch.float64).expand(tuple(node.meta["val"].shape))
    first = made.flatten()[:1]
    if made.numel() and bool((made == first).all()):
        return np.array(first[0].item())
    return per_sample(cell, made)
