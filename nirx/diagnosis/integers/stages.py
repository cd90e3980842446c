"""The variations of an arithmetic that are tried together, stage by stage."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nirx.diagnosis.observed import Traces
from nirx.dynamics.arithmetic import CHOICES, EXACT_BITS, NUMBERS, Arithmetic

__all__ = ["FIELDS", "STAGES", "bits_of", "stage"]

Variation = Mapping[str, Any]

USUAL_BITS = (8, 16, 24, 32)
USUAL_DECAYS = (8, 10, 12, 15, 16)
MORE_BITS = 2
MOST_SHIFT, LEAST_SHIFT = 12, -8

STAGES: tuple[tuple[str, ...], ...] = (
    ("weight_shift",),
    ("decay", "decay_bits", "decay_value", "decay_rounding"),
    ("input_shift",),
    ("threshold_shift",),
    ("bias_shift",),
    ("membrane_bits", "membrane_overflow", "limits", "membrane_change", "membrane_lowest"),
    ("synapse_bits", "synapse_overflow", "limits"),
)
"""Fields that are varied together. `weight_bits` only says which graphs are refused."""
FIELDS = tuple(dict.fromkeys(itertools.chain(*STAGES)))


def stage(
    names: Sequence[str], base: Arithmetic, traces: Traces, fields: Sequence[str], quick: bool
) -> Iterator[Variation]:
    """The variations of a stage.

    Arguments:
        fields: the ones that can make a difference.
        quick: whether a try takes next to no time; else one field is varied at a time.
    """
    values = {name: values_of(name, base, traces, quick) for name in names if name in fields}
    if quick:
        each = itertools.product(*values.values())
        varied = (dict(zip(values, own, strict=True)) for own in each)
    else:
        varied = ({name: value} for name, several in values.items() for value in several)
    for own in varied:
        if own and not _twice(own):
            yield own


def values_of(name: str, base: Arithmetic, traces: Traces, quick: bool) -> tuple[Any, ...]:
    """The values of a field that are tried, the base's first."""
    own = getattr(base, name)
    if name in CHOICES:
        return tuple(dict.fromkeys((own, *CHOICES[name])))
    if name == "membrane_lowest":
        least = min((int(v.min(initial=0)) for v in _states(traces, "v")), default=0)
        return tuple(dict.fromkeys((own, None, max(least, base.range_of("membrane")[0]), 0)))
    if name == "decay_bits":
        usual = range(4, 21) if quick else USUAL_DECAYS
        low, high = NUMBERS[name]
        return tuple(dict.fromkeys((own, *(n for n in usual if low <= n <= high))))
    if name in ("synapse_bits", "membrane_bits"):
        # Beyond what the states need, one number of bits does as another.
        least = bits_of(_states(traces, "v" if name == "membrane_bits" else "i"))
        near = range(max(2, least - 1), least + MORE_BITS + 1)
        most = min(NUMBERS[name][1], EXACT_BITS - base.decay_bits)
        usual = [n for n in (*near, *USUAL_BITS) if n <= most]
        return tuple(dict.fromkeys((own, *usual)))
    low = LEAST_SHIFT if NUMBERS[name][0] < 0 else 0
    return tuple(dict.fromkeys((own, *sorted(range(low, MOST_SHIFT + 1), key=abs))))


def bits_of(states: Sequence[np.ndarray]) -> int:
    """The bits of a signed number that holds all of some states."""
    low = min((int(own.min(initial=0)) for own in states), default=0)
    high = max((int(own.max(initial=0)) for own in states), default=0)
    return 1 + max(high.bit_length(), (-1 - low).bit_length() if low < 0 else 0)


def _states(traces: Traces, variable: str) -> list[np.ndarray]:
    return [t.values for own in traces.values() for t in own if t.variable == variable]


def _twice(own: Variation) -> bool:
    """Whether another variation means the same."""
    if own.get("decay") == "shift":  # it has no constant
        names = ("decay_bits", "decay_value", "decay_rounding")
        return any(own[name] != getattr(Arithmetic(), name) for name in names if name in own)
    return False
