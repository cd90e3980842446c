"""Inputs, states and batch shapes that callers pass in, checked before anything runs."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nirx.dynamics.arithmetic import EXACT_BITS
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.errors import InputError, did_you_mean
from nirx.graphs.schedule import Schedule
from nirx.graphs.state import FEEDBACK, NodeState, batch_of, unnest

__all__ = ["accept_batch", "accept_input", "accept_inputs", "accept_state", "input_shifts"]

SHORT = frozenset({"bool", "int8", "uint8", "int16", "uint16"})
"""dtypes of which no number is too large: at least 2**16 is always allowed."""


def input_shifts(schedule: Schedule) -> tuple[int, ...]:
    """By how many bits each Input shifts what enters; 0 where it is not in integers."""
    if not schedule.discretization.in_integers:
        return (0,) * len(schedule.inputs)
    rules = [schedule.discretization.at(schedule.nodes[p].path) for _, p in schedule.inputs]
    return tuple(rule.arithmetic.input_shift if rule.arithmetic else 0 for rule in rules)


def accept_inputs(
    schedule: Schedule, ops: Ops, x: Any, time: bool
) -> tuple[list[Array], Shape, int]:
    """A caller's inputs as arrays of the backend.

    Arguments:
        x: [*batch, *features] (with `time`: [time, *batch, *features]) where there is one
            Input, or a dict of such.

    Returns: an array per Input in the schedule's order, the batch axes, the number of steps.

    **Raises**: `InputError` for a wrong name, shape or dtype, or leading axes that differ.
    """
    arrays, lead = [], None
    for (name, position), value in zip(schedule.inputs, _by_port(schedule, x), strict=True):
        where = f"input {name!r}"
        array = accept_input(schedule, ops, value, where)
        own = batch_of(where, array.shape, schedule.nodes[position].input_shape, time)
        if time and not own:
            raise InputError(f"{where} has shape {tuple(array.shape)}; expected time as first axis")
        if lead is not None and own != lead:
            raise InputError(f"{where} has leading axes {own}, but the input before it has {lead}")
        lead = own
        arrays.append(ops.use(array))
    assert lead is not None, "check refuses a graph without Inputs"
    return (arrays, lead[1:], lead[0]) if time else (arrays, lead, 1)


def accept_input(schedule: Schedule, ops: Ops, value: Any, where: str) -> Array:
    """The array of one Input; in integers, its numbers are whole and not too large to be exact.

    What a compiler traces has no values yet, and what is on a GPU would have to be copied: these
    are not looked at.

    **Raises**: `InputError`.
    """
    array = ops.accept(value, where)
    if schedule.largest_input is None:
        return array
    dtype = str(getattr(value, "dtype", "")).rpartition(".")[2]
    if dtype in SHORT:
        return array
    seen = ops.lend(array)
    if seen is None or not seen.size:
        return array
    low, high = float(seen.min()), float(seen.max())
    if not max(high, -low) <= schedule.largest_input:  # also where there is a NaN
        found = low if -low > high else high
        raise InputError(
            f"{where} has {found:,.17g}; in this network sums are exact, below 2**{EXACT_BITS}, "
            f"for numbers of up to {schedule.largest_input:,}"
        )
    if dtype.startswith("float"):
        fractions = seen[seen != np.floor(seen)]
        if fractions.size:
            raise InputError(f"{where} has {fractions[0]:.9g}; expected whole numbers")
    return array


def _by_port(schedule: Schedule, x: Any) -> list[Any]:
    names = [name for name, _ in schedule.inputs]
    if not isinstance(x, Mapping):
        if len(names) == 1:
            return [x]
        raise InputError(f"the graph has Inputs {names}; expected a dict with one array each")
    for name in x:
        if name not in names:
            raise InputError(f"no Input {name!r}; {did_you_mean(str(name), names)}")
    for name in names:
        if name not in x:
            raise InputError(f"nothing given for Input {name!r}")
    return [x[name] for name in names]


def accept_state(
    schedule: Schedule, ops: Ops, state: Any, batch: Shape, foreign: frozenset[int]
) -> list[NodeState]:
    """A caller's state tree as one entry per node. States of users' modules are not checked.

    **Raises**: `InputError` for missing or extra entries, and for a wrong shape or dtype.
    """

    def leaf(where: str, value: Any, features: Shape) -> Array:
        where = f"state {where!r}"
        array = ops.accept(value, where)
        if batch_of(where, array.shape, features) != batch:
            raise InputError(
                f"{where} has shape {tuple(array.shape)}; expected {(*batch, *features)}, "
                "the batch of the input"
            )
        return ops.use(array)

    accepted: list[NodeState] = []
    for position, (own, late) in enumerate(unnest(schedule, state, foreign)):
        node = schedule.nodes[position]
        shapes = schedule.node_state_shapes(node)
        if position not in foreign:
            own = {k: leaf(f"{node.name}.{k}", v, shapes[k]) for k, v in own.items()}
        late = {
            k: leaf(f"{node.name}.feedback[{k!r}]", v, shapes[FEEDBACK][k]) for k, v in late.items()
        }
        accepted.append((own, late))
    return accepted


def accept_batch(batch: Any) -> Shape:
    """A batch shape from a number or several. **Raises** `InputError`."""
    try:
        sizes = batch if isinstance(batch, Iterable) else (batch,)
        shape = tuple(operator.index(n) for n in sizes)
    except TypeError:
        shape = (-1,)
    if any(n < 0 for n in shape):
        raise InputError(f"batch_shape is {batch!r}; expected whole numbers, 0 or more")
    return shape
