"""A forward that loops over time, as the trace of its one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch

from nirx.errors import UnsupportedError
from nirx_torch.loop_trace import Unrolled, unroll
from nirx_torch.rolling import roll
from nirx_torch.sequence_axes import AcrossSteps, NotALoop, TooShort
from nirx_torch.trace import Trace, may_be_none, pinned_arguments

__all__ = ["forget_axis", "loop_axis", "repeats_its_input", "trace_over_time"]

AXES = (0, 1, None)
"""Where time may be in the input: first, second after the batch, or nowhere."""

LENGTH = 4
"""Steps of the first trace; the second has one more."""

LONGEST = 4096

_FOUND: WeakKeyDictionary[torch.nn.Module, int | None] = WeakKeyDictionary()
"""Modules that were exported as a loop over time, and where time is in their input (AXES)."""


def loop_axis(module: torch.nn.Module) -> int | None:
    """Where time is in the input of a forward that runs all steps; None if it runs one.

    The module's last export has found it out.
    """
    return _FOUND.get(module)


def repeats_its_input(module: torch.nn.Module) -> bool:
    """Whether forward runs all steps on one and the same input, by the module's last export."""
    return module in _FOUND and _FOUND[module] is None


def forget_axis(module: torch.nn.Module) -> None:
    """Before an export: its forward may have changed since the last one."""
    _FOUND.pop(module, None)


def trace_over_time(
    module: torch.nn.Module,
    is_leaf: Callable[[torch.nn.Module], bool],
    has_memory: Callable[[torch.nn.Module, str], bool],
    concrete_args: Mapping[str, Any] | None,
    shapes: Any,
) -> Trace | None:
    """The step of a module whose forward runs all time steps.

    Arguments:
        module, is_leaf, concrete_args, shapes: as for `trace`.
        has_memory: whether a module's node keeps a state.

    Returns: the step, as `trace` would give it if forward were one; None if forward does not
    loop over time.

    **Raises**: `UnsupportedError`, with the line, for a loop whose steps differ.
    """
    pinned = pinned_arguments(module, concrete_args)
    for name in ("state", "mem", "hidden"):
        if may_be_none(module, name):
            pinned.setdefault(name, None)
    found: UnsupportedError | None = None
    for axis in AXES:

        def unrolled(length: int, axis: int | None = axis) -> Unrolled:
            options = pinned, shapes, axis
            return _long_enough(module, is_leaf, has_memory, options, length)

        try:
            first = unrolled(LENGTH)
            if not first.is_loop:
                continue
            step, form = roll(module, first)
            _require_same(module, unrolled(max(LENGTH, first.count) + 1), first, form)
            _FOUND[module] = axis
            return step
        except AcrossSteps as error:
            found = found or error
        except NotALoop:
            continue  # what one step says is clearer
    if found is not None:
        raise UnsupportedError(str(found)) from found
    return None


def _long_enough(module: Any, is_leaf: Any, has_memory: Any, options: Any, length: int) -> Unrolled:
    """As many steps as forward takes, if their number is in the program."""
    pinned, shapes, axis = options
    while True:
        try:
            return unroll(module, is_leaf, has_memory, pinned, shapes, axis, length)
        except TooShort as error:
            length = 2 * error.needed
            if length > LONGEST:
                raise AcrossSteps(
                    f"{type(module).__name__}.forward takes more than {LONGEST // 2} time steps; "
                    "export it with fewer, its steps are the same"
                ) from error


def _require_same(module: Any, longer: Unrolled, first: Unrolled, form: Any) -> None:
    """One more step in the input changes nothing in a step."""
    _, other = roll(module, longer)
    if other != form:
        raise AcrossSteps(
            f"{type(module).__name__}.forward computes something else with {longer.count} time "
            f"steps than with {first.count}; a step must not depend on their number"
        )
