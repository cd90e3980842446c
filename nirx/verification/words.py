"""How spikes differ, in words."""

from __future__ import annotations

from nirx.verification.spike_matching import Matching

__all__ = ["kind_of"]


def kind_of(found: Matching, shift: int | None, no_spikes: bool) -> str:
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
