"""How a recording differs from the reference, and where, in words."""

from __future__ import annotations

import math

import numpy as np

from nirx.comparison.divergence import Divergence

__all__ = ["NO_SPIKES", "WHOLE_NUMBERS", "counts_text", "percent", "place_text", "shift_text"]

WHOLE_NUMBERS = "the recording holds whole numbers: scale it to the reference's unit, and set --lsb"
"""For values in a chip's own integer unit."""
NO_SPIKES = "the recording is not a spike train: it holds numbers other than spike counts"


def shift_text(shift: int) -> str:
    """`"every spike is 2 steps late"`; a negative shift is early."""
    late = "late" if shift > 0 else "early"
    return f"every spike is {abs(shift)} step{'s' * (abs(shift) > 1)} {late}"


def counts_text(missing: int, extra: int) -> str:
    """`"3 spikes differ: 1 missing, 2 too many"`."""
    if (missing, extra) == (1, 0):
        return "one spike missing"
    if (missing, extra) == (0, 1):
        return "one spike too many"
    return f"{missing + extra:,} spikes differ: {missing:,} missing, {extra:,} too many"


def place_text(found: Divergence, batch_axes: int, jitter: int) -> str:
    """`"step 14, lif2, sample 1, neuron 0: reference 1, observed 0"`.

    Arguments:
        batch_axes: how many of the first axes of its index are samples.
        jitter: steps that a spike may be early or late.
    """
    parts = [f"step {found.step}", found.node]
    axes = {"sample": found.index[:batch_axes], "neuron": found.index[batch_axes:]}
    parts += [f"{what} {own[0] if len(own) == 1 else own}" for what, own in axes.items() if own]
    values = f"reference {_number(found.reference)}, observed {_number(found.other)}"
    text = f"{', '.join(parts)}: {values}"
    if jitter and found.reference == found.other:
        text += " (the partner of an earlier spike)"
    return text


def percent(share: float) -> str:
    """`"52 %"`, `"0.04 %"`."""
    if math.isinf(share):
        return "infinitely"
    return f"{100 * share:,.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _number(value: float) -> str:
    """As few digits as identify the value; float32 values in their own digits."""
    if value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    with np.errstate(over="ignore"):
        single = np.float32(value)
    return str(single) if float(single) == value else repr(value)
