"""What to quantize for: an arithmetic, a discretization that has one, or a preset's name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nir

from nirx.dynamics.arithmetic import Arithmetic
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.presets import PRESETS
from nirx.errors import InputError, did_you_mean
from nirx.graphs.metadata import resolve_discretization
from nirx.quantizing.as_floats import without_arithmetic

__all__ = ["choices_of", "target_of"]

WHOLE = {name: preset for name, preset in PRESETS.items() if preset.in_integers}


def choices_of(
    graph: nir.NIRGraph, arithmetic: Any, discretization: Discretization | None
) -> tuple[Discretization, Discretization]:
    """The discretizations of the float graph and of the integer graph.

    **Raises**: `InputError`, also for a graph in the units of another arithmetic.
    """
    floats = resolve_discretization(graph, discretization)
    target = target_of(arithmetic, floats)
    if floats.arithmetic is not None and floats != target:
        raise InputError(
            "the graph is in integer units already, for another discretization than the one that "
            "is asked for; quantize the float graph that it was made from"
        )
    return without_arithmetic(floats), target


def target_of(value: Any, floats: Discretization) -> Discretization:
    """The discretization of the integer graph.

    Arguments:
        value: an `Arithmetic`, which keeps the float graph's other choices, as does a preset that
            has no choices but its arithmetic ("int8"); a `Discretization` with an arithmetic, or
            the name of a preset that has one, which replace them.
        floats: the float graph's discretization.

    **Raises**: `InputError`.
    """
    if isinstance(value, str):
        if value not in WHOLE:
            known = f"; the presets with integers are {', '.join(WHOLE)}"
            hint = did_you_mean(value, WHOLE)
            raise InputError(
                f"arithmetic={value!r}: no preset of a chip{known}"
                + (f"; {hint}" if hint.startswith("did") else "")
            )
        preset = WHOLE[value]
        value = preset.arithmetic if set(preset.changes()) == {"arithmetic"} else preset
    if isinstance(value, Arithmetic):
        return replace(floats, arithmetic=value)
    if not isinstance(value, Discretization):
        raise InputError(
            f"arithmetic is a {type(value).__name__}; expected a nirx.Arithmetic, a "
            "nirx.Discretization that has one, or the name of a preset such as 'loihi'"
        )
    if value.arithmetic is None:
        raise InputError(
            "the discretization has no arithmetic; expected "
            "nirx.Discretization(..., arithmetic=nirx.Arithmetic(...))"
        )
    return value
