"""Why a graph has no units: the faults, with the numbers."""

from __future__ import annotations

import numpy as np

from nirx.basics.name_list import name_list
from nirx.dynamics.arithmetic import Arithmetic
from nirx.errors import Fault

__all__ = [
    "feedback_of_values",
    "scale_of_unlike_inputs",
    "unlike_outputs",
    "unlike_scales",
    "unlike_units",
    "weights_out_of_range",
]


def unlike_units(names: list[str], first: np.ndarray, second: np.ndarray) -> Fault:
    """Two values that are added, whose units are fixed and differ."""
    sizes = [f"{float(np.max(u)):g}" for u in (first, second)]
    return Fault(
        names[1],
        f"1 is {sizes[1]} units of what it puts out, but {sizes[0]} units of what {names[0]} "
        "adds to it",
        "one unit for all values that are added",
        "put a Linear, a convolution or a Scale into one of the ways",
    )


def weights_out_of_range(where: str, used: float, other: str, arithmetic: Arithmetic) -> Fault:
    """Weights whose unit is fixed by something else that is added."""
    return Fault(
        where,
        f"its weights reach {used:.3g} in units of what {other} puts into the same sum",
        f"0.5 to {arithmetic.weight_range[1]} ({arithmetic.weight_bits} bits)",
        "put a Linear or a Scale into the other way, which then has weights too",
    )


def feedback_of_values(names: list[str]) -> Fault:
    """Values that are not spikes in a cycle."""
    return Fault(
        name_list(names),
        "values that are not spikes feed back into their own sum, so that their weights cannot be "
        "scaled to whole numbers",
        "feedback by spikes",
        "quantize what is outside of this loop, or make its neurons spike",
    )


def scale_of_unlike_inputs(where: str) -> Fault:
    """A given scale for weights whose inputs have unlike units."""
    return Fault(
        where, "a scale is given for it, but its inputs have unlike units", "inputs of one unit"
    )


def unlike_outputs(where: str, unit: np.ndarray) -> Fault:
    """Membrane potentials of unlike units in front of a Flatten or a pool."""
    return Fault(
        where,
        f"1 is {float(unit.min()):g} to {float(unit.max()):g} units of what its neurons put out, "
        "because their gains differ, and a Flatten or a pool follows",
        "one unit for all of them",
        "give them one tau and one r, or put the weights right before them",
    )


def unlike_scales(names: list[str], units: list[float]) -> Fault:
    """Given scales that lead to unlike units of values that are added."""
    asked = ", ".join(f"{name}: {u:g}" for name, u in zip(names, units, strict=True))
    return Fault(
        names[0],
        f"the scales of layers that are added lead to unlike units ({asked})",
        "one scale for all of them",
    )
