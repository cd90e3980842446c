"""How spikes differ, and where, in words."""

from __future__ import annotations

import math

import numpy as np

from nirx.comparison.divergence import Divergence
from nirx.verification.spike_matching import OpenMatching

__all__ = ["WHOLE_NUMBERS", "kind_of", "percent", "place_text"]

WHOLE_NUMBERS = "the recording holds whole numbers: scale it to the reference's unit, and say --lsb"
"""Of values that a chip gave as it counts them."""


def kind_of(found: OpenMatching, shift: int | None, no_spikes: bool) -> str:
    """What went wrong with a spike train, as far as the data are unambiguous.

    Arguments:
        found: the spikes that have no partner.
        shift: whole steps that explain everything (positive: late), or None.
        no_spikes: whether something else than numbers of spikes was recorded.
    """
    if no_spikes:
        return "what was recorded is no spike train: it holds other numbers than 0, 1 or a count"
    if shift is not None:
        late = "late" if shift > 0 else "early"
        return f"every spike is {abs(shift)} step{'s' * (abs(shift) > 1)} {late}"
    missing, extra = found.missing, found.extra
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
    sample, neuron = found.index[:batch_axes], found.index[batch_axes:]
    parts += [
        f"{what} {_index(own)}" for what, own in (("sample", sample), ("neuron", neuron)) if own
    ]
    text = f"{', '.join(parts)}: reference {_number(found.reference)}, "
    text += f"observed {_number(found.other)}"
    if jitter and found.reference == found.other:
        text += " (the partner of an earlier spike)"
    return text


def percent(share: float) -> str:
    """`"52 %"`, `"0.04 %"`."""
    if math.isinf(share):
        return "infinitely"
    return f"{100 * share:,.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _index(axes: tuple[int, ...]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes)


def _number(value: float) -> str:
    """As short as can be without loss: float32 in its own digits."""
    if value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    with np.errstate(over="ignore"):
        single = np.float32(value)
    return str(single) if float(single) == value else repr(value)
