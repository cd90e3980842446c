"""Where bits are wasted or missing, and what to change."""

from __future__ import annotations

from nirx.dynamics.arithmetic import Arithmetic
from nirx.quantizing.quantization import NodeReport

__all__ = ["notes_on"]

COARSE_THRESHOLD = 16
"""Units below which a rounded threshold is more than 3 % off."""
POOR_DECAY = 5.0
"""Percent of a decay's error that are worth a word."""
MANY_ZEROS = 0.2


def notes_on(own: NodeReport, arithmetic: Arithmetic, *, taken: bool) -> tuple[str, ...]:
    """Suggestions for a node whose other values are known.

    Arguments:
        taken: whether its graph was taken as it is: then its weights and threshold are as wanted.
    """
    notes = [f"{text} has no decay of its own here: it is lost" for text in own.lost]
    bits = arithmetic.weight_bits
    if not taken and own.weight_bits is not None and own.type != "Scale":
        if own.saturated:
            notes.append(f"{own.saturated:,} weights saturate: a smaller scale keeps them")
        if own.weight_bits < bits - 1:
            notes.append(
                f"uses {own.weight_bits} of {bits} bits of weights: the states' bits, or what is "
                "added to it, allow no more; wider states would"
            )
        if own.zeros and own.weights and own.zeros > MANY_ZEROS * own.weights:
            percent = 100 * own.zeros / own.weights
            notes.append(f'{percent:.0f} % of its weights round to 0; try scale="channel"')
    if not taken and own.threshold is not None and own.threshold[0] < COARSE_THRESHOLD:
        notes.append(
            f"a threshold of {own.threshold[0]} units is coarse: weights of more bits, or smaller "
            "ones, refine it"
        )
    if not own.lost and own.decay_percent is not None and own.decay_percent > POOR_DECAY:
        finer = "more decay_bits" if arithmetic.decay == "multiply" else 'decay="multiply"'
        notes.append(f"a decay is {own.decay_percent:.0f} % off: {finer} or another tau")
    for name, count, field in (
        ("v", own.v_overflows, "membrane_bits"),
        ("i", own.i_overflows, "synapse_bits"),
    ):
        if count:
            notes.append(f"{name} left its bits {count:,} times: more {field}")
    if own.largest_v is not None and not own.v_overflows:
        top = max(own.largest_v, *(own.threshold or (0,)))
        spare = arithmetic.membrane_bits - 1 - top.bit_length()
        if spare >= 2:
            notes.append(f"v uses {top.bit_length() + 1} of {arithmetic.membrane_bits} bits")
    return tuple(notes)
