"""Which elements of which values the results of a cell read.

A request is for an array of positions, one for each element of the cell's input. Operations that
only move elements (slices, concatenations, reshapes) move the positions; arithmetic passes them
on. So a cell may keep its states in one array, as long as no element meets another element.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nirx.errors import UnsupportedError
from nirx_jax.cell_flat import PASS, RANDOM, SPIKE, FlatCell, Slot, Step
from nirx_jax.cell_formulas import ELEMENTWISE, FOLDS, refusal

__all__ = ["MOVES", "PASSES", "Reads", "Request", "choice"]

MOVES = (
    "broadcast_in_dim",
    "reshape",
    "squeeze",
    "expand_dims",
    "transpose",
    "rev",
    "slice",
    "concatenate",
    "stack",
    "split",
    "unstack",
    "dynamic_slice",
    "dynamic_update_slice",
    "gather",
    "scatter",
    "pad",
    "tile",
)
"""Operations that move elements; positions that they take have to be constants."""

PASSES = ("copy", "copy_p", "device_put", "optimization_barrier", "reduce_precision", PASS)
"""Operations that return their operands."""

MOST_FOLDED = 16
"""The longest axis whose elements are added up, or compared, within a cell."""

LOGIC = ("and", "or", "xor", "not", "eq", "ne", "select_n", "stop_gradient", SPIKE)


@dataclass(eq=False)
class Request:
    """Elements of a value.

    Arguments:
        positions: in the flat value, one for each element of the input.
        number: whether a mask is wanted as a number that has the surrogate's gradient.
        via: the operation that moved the elements last, if any.
    """

    positions: np.ndarray
    number: bool
    via: Step | None = None

    @property
    def key(self) -> tuple[bytes, bool]:
        return self.positions.tobytes(), self.number


@dataclass(eq=False)
class Reads:
    """All requests of a program.

    Arguments:
        cell: the program.
        size: the number of elements of its input.
    """

    cell: FlatCell
    size: int
    of: dict[Slot, dict[Any, Request]] = field(default_factory=dict)

    def want(self, slot: Slot, request: Request) -> Request:
        """Request elements; the same ones are requested once."""
        number = request.number and slot.is_mask
        positions = request.positions
        if slot.shape == ():
            positions = np.zeros(self.size, np.int64)
        own = Request(positions, number, request.via)
        return self.of.setdefault(slot, {}).setdefault(own.key, own)

    def spread(self) -> None:
        """Request what the requested values are computed from. **Raises** `UnsupportedError`."""
        for step in reversed(self.cell.steps):
            for result in step.results:
                for request in list(self.of.get(result, {}).values()):
                    for slot, wanted in self.operands(step, result, request):
                        self.want(slot, wanted)

    def operands(self, step: Step, result: Slot, request: Request) -> list[tuple[Slot, Request]]:
        """What one operation reads for a request. **Raises** `UnsupportedError`."""
        if step.name in PASSES:
            return [(step.operands[step.results.index(result)], request)]
        if step.name in MOVES:
            return [self._moved(step, result, request)]
        if step.name in FOLDS:
            return self._folded(step, request)
        if step.name != SPIKE and step.name not in ELEMENTWISE:
            raise refusal(self._random_before(step) or step)
        found = []
        for slot in step.operands:
            number = (request.number and step.name in LOGIC) or turns_into_number(step, slot)
            positions = _broadcast(slot.shape, result.shape, request.positions)
            found.append((slot, Request(positions, number, request.via)))
        return found

    def _random_before(self, step: Step) -> Step | None:
        """The first random operation that an operation depends on."""
        depends = set(map(id, step.operands))
        found = step if step.name.startswith(RANDOM) else None
        for other in reversed(self.cell.steps[: self.cell.steps.index(step)]):
            if any(id(result) in depends for result in other.results):
                depends.update(map(id, other.operands))
                found = other if other.name.startswith(RANDOM) else found
        return found

    def _moved(self, step: Step, result: Slot, request: Request) -> tuple[Slot, Request]:
        """The one operand that all requested elements come from, and where they are in it."""
        sources = [o for n, o in enumerate(step.operands) if not _is_index(step, n)]
        starts = np.cumsum([0, *(int(np.prod(o.shape)) for o in sources)])
        from_where = self._indices(step, sources, starts)[step.results.index(result)]
        flat = np.asarray(from_where).ravel()[request.positions]
        number = int(np.searchsorted(starts, flat[0], side="right")) - 1
        inside = (flat >= starts[number]) & (flat < starts[number + 1])
        if not inside.all() or number < 0:
            raise UnsupportedError(
                f"{step.place} mixes elements of the values that it joins, and a nirx.Neuron "
                "computes each element by itself; move it into a layer before or after the neuron"
            )
        positions = flat - starts[number]
        via = request.via if _is_same(positions, request.positions) else step
        return sources[number], Request(positions, request.number, via)

    def _indices(self, step: Step, sources: list[Slot], starts: np.ndarray) -> list[Any]:
        """Where every element of the results comes from: the operation, run on positions."""
        given: list[Any] = []
        places = iter(zip(sources, starts, strict=False))
        for n, operand in enumerate(step.operands):
            if _is_index(step, n):
                if operand.known is None:
                    raise UnsupportedError(
                        f"{step.place} takes elements from a place that is computed; a cell "
                        "computes each element by itself"
                    )
                given.append(operand.known)
                continue
            slot, start = next(places)
            count = int(np.prod(slot.shape))
            given.append(np.arange(start, start + count, dtype=np.int32).reshape(slot.shape))
        found = step.eqn.primitive.bind(*given, **step.eqn.params)
        return found if step.eqn.primitive.multiple_results else [found]

    def _folded(self, step: Step, request: Request) -> list[tuple[Slot, Request]]:
        slot, axes = step.operands[0], step.eqn.params["axes"]
        count = int(np.prod([slot.shape[a] for a in axes]))
        if count > MOST_FOLDED:
            raise refusal(step)
        where = np.arange(int(np.prod(slot.shape))).reshape(slot.shape)
        rows = np.moveaxis(where, axes, range(len(axes))).reshape(count, -1)
        return [(slot, Request(row[request.positions], False, step)) for row in rows]


def turns_into_number(step: Step, slot: Slot) -> bool:
    """Whether an operation makes a number of a mask: of 1 and 0, by a conversion or a choice."""
    if not slot.is_mask or step.results[0].is_mask:
        return False
    if step.name == "convert_element_type":
        return True
    return step.name == "select_n" and slot is step.operands[0] and choice(step) is not None


def choice(step: Step) -> bool | None:
    """For a `select_n` between 0 and 1: whether it is 1 where the mask is 1; else None."""
    cases = [o.known for o in step.operands[1:]]
    if len(cases) != 2 or any(c is None for c in cases):
        return None
    off, on = (np.unique(np.asarray(c)).tolist() for c in cases)
    return True if (off, on) == ([0], [1]) else False if (off, on) == ([1], [0]) else None


def _broadcast(shape: tuple[int, ...], to: tuple[int, ...], positions: np.ndarray) -> np.ndarray:
    """Positions in an operand of positions in the result, whose axes of size 1 it may have."""
    if shape in ((), to):
        return positions
    where = np.arange(int(np.prod(shape))).reshape(shape)
    return np.broadcast_to(where, to).ravel()[positions]


def _is_index(step: Step, number: int) -> bool:
    first = {"gather": 1, "dynamic_slice": 1, "dynamic_update_slice": 2}.get(step.name)
    if step.name == "scatter":
        return number == 1
    return first is not None and number >= first


def _is_same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a == b).all())
