"""An arithmetic that was found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nirx.basics.printable import printable
from nirx.dynamics.arithmetic import Arithmetic

__all__ = ["Constant", "sentences"]

Constant = tuple[int, int]
"""The constant of a decay, rounded to the nearest and down."""

OVERFLOWS = {"wrap": "wraps", "saturate": "saturates"}
STATES = (("membrane", "v"), ("synapse", "i"))
ROUNDINGS = {
    "zero": "rounded towards zero",
    "down": "rounded down",
    "nearest": "rounded to the nearest",
}
SHIFTS = {
    "weight_shift": "sums of weights are",
    "bias_shift": "biases are",
    "input_shift": "inputs are",
    "threshold_shift": "thresholds are",
}


def sentences(
    found: Arithmetic,
    asked: Arithmetic,
    possible: Mapping[str, tuple[Any, ...]],
    constants: Sequence[Constant],
    scales: Mapping[str, float],
    wholes: Mapping[str, Sequence[int]],
) -> Iterator[str]:
    """What was found, one sentence each: what is certain, then what is left open.

    Arguments:
        possible: as in `ArithmeticDiagnosis`.
        constants: of the decays, for all neurons.
        scales: as in `ArithmeticDiagnosis`.
        wholes: per scaled node its gain and threshold in units.
    """
    pinned = {name: own[0] for name, own in possible.items() if len(own) == 1}
    for node, scale in scales.items():
        yield _scale(node, scale, wholes[node])
    for state, variable in STATES:
        if f"{state}_bits" in possible:
            yield from _state(found, pinned, state, variable)
    yield from _decay(found, pinned, constants)
    if pinned.get("membrane_change") == "saturate":
        yield "the change of v has the bits of v itself, and saturates before it is added"
    if found.membrane_lowest is not None and "membrane_lowest" in pinned:
        yield f"v never falls below {found.membrane_lowest}"
    for name, what in SHIFTS.items():
        shift = getattr(found, name)
        if name in pinned and shift != getattr(asked, name):
            way = "left" if shift >= 0 else "right"
            yield f"{what} shifted {way} by {abs(shift)} ({name}={shift})"
    left = [
        f"{name}: {_values(own)}"
        for name, own in possible.items()
        if len(own) > 1 and not _is_idle(name, pinned)
    ]
    if left:
        yield f"left open of the arithmetic: {'; '.join(left)}"


def _scale(node: str, scale: float, wholes: Sequence[int]) -> str:
    common = int(np.gcd.reduce(np.abs(wholes))) if len(wholes) else 1
    shift = (common & -common).bit_length() - 1 if common else 0
    text = f"one unit of {printable(node)} in the graph is {scale:.6g} in the recording"
    if shift:
        text += f" ({scale / 2**shift:.6g} * 2**{shift})"
    if len(wholes) == 2:
        gain, threshold = wholes
        text += f": a spike adds {gain} to v, the threshold is {threshold}"
    return text


def _state(
    found: Arithmetic, pinned: Mapping[str, Any], state: str, variable: str
) -> Iterator[str]:
    bits, does = getattr(found, f"{state}_bits"), getattr(found, f"{state}_overflow")
    ends = "limits" in pinned and found.limits == "symmetric"
    if f"{state}_bits" in pinned and f"{state}_overflow" in pinned:
        low, high = found.range_of(state)  # type: ignore[arg-type]
        span = f" ({low} to {high})" if ends else ""
        yield f"your {state} is {bits} bits wide and {OVERFLOWS[does]}{span}"
    elif f"{state}_overflow" in pinned:
        yield f"your {state} {OVERFLOWS[does]}"
    else:
        yield (
            f"{variable} never shows the limits of its bits: how wide the {state} is, and what it "
            "does beyond, is left open"
        )


def _decay(
    found: Arithmetic, pinned: Mapping[str, Any], constants: Sequence[Constant]
) -> Iterator[str]:
    if "decay" not in pinned:
        return
    if found.decay == "shift":
        yield "decays are shifts: s - (s >> m), and one towards zero where s >> m is 0"
        return
    if "decay_bits" in pinned:
        yield f"the constants of decays have {found.decay_bits} bits"
    if "decay_rounding" in pinned:
        yield f"decays are {ROUNDINGS[found.decay_rounding]}"
    differing = [own for own in constants if own[0] != own[1]]
    if "decay_value" in pinned and differing:
        nearest, down = differing[0]
        if found.decay_value == "down":
            yield f"the decay constant is truncated ({down}, not {nearest})"
        else:
            yield f"the decay constant is rounded to the nearest ({nearest}, not {down})"


def _values(several: Sequence[Any]) -> str:
    """`"4 to 20"`, `"'zero' or 'down'"`."""
    numbers = [own for own in several if isinstance(own, int)]
    low, high = min(numbers, default=0), max(numbers, default=0)
    if len(numbers) == len(several) > 2 and high - low == len(several) - 1:
        return f"{low} to {high}"
    return " or ".join(map(repr, sorted(several) if len(numbers) == len(several) else several))


def _is_idle(name: str, pinned: Mapping[str, Any]) -> bool:
    """Whether a sentence has said already that a field is open, or it has no meaning."""
    if name in ("membrane_lowest", "membrane_change"):
        return True
    if name.startswith("decay_"):
        return pinned.get("decay") == "shift"
    state = name.partition("_")[0]
    sized = name in ("membrane_bits", "membrane_overflow", "synapse_bits", "synapse_overflow")
    if sized:
        return f"{state}_overflow" not in pinned
    return name == "limits" and not {"membrane_overflow", "synapse_overflow"} & set(pinned)
