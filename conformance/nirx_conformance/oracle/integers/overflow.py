"""What a state of n bits does with a value that does not fit."""

from __future__ import annotations


def over(value: int, bits: int, rule: str, limits: str) -> int:
    """The value, saturated or wrapped."""
    half = 1 << (bits - 1)
    if rule == "saturate":
        lowest = -half if limits == "full" else -half + 1
        return min(max(value, lowest), half - 1)
    lowest = -half if limits == "full" else -half + 1
    return (value - lowest) % (1 << bits) + lowest
