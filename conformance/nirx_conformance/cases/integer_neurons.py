"""Neurons in integers, at every limit: overflow, decay, threshold, reset, count of spikes."""

from __future__ import annotations

import itertools
from typing import Any

import nir
import numpy as np

from nirx_conformance.cases.integer_case import (
    BATCH,
    SIZE,
    STEPS,
    case,
    cuba_li,
    cuba_lif,
    i_f,
    li,
    lif,
    whole,
)

__all__ = ["CASES"]

STRONG = whole(1, STEPS, BATCH, SIZE, low=-45, high=50)
"""Leaves 6 bits in both directions, often."""

MILD = whole(2, STEPS, BATCH, SIZE, low=-6, high=12)

SMALL: dict[str, Any] = {"membrane_bits": 6, "synapse_bits": 6}

EDGES = np.array([-32, -1, 63, 1, -1, -31, -32, 1, 32, 31, 1, -64, -1, 0, 64])[:, None, None]
"""As sums: from the smallest number of 6 bits to the largest, and one beyond either."""

KINDS = {
    "I": nir.I(np.ones(SIZE)),
    "LI": li(),
    "IF": i_f(threshold=10),
    "LIF": lif(constant=1, threshold=10),
    "CubaLI": cuba_li(),
    "CubaLIF": cuba_lif(threshold=10),
}

LIMITS = list(itertools.product(("saturate", "wrap"), ("full", "symmetric")))

ROUNDINGS = ("zero", "down", "nearest")

FRACTIONS = (1e-4, 1.0, 0.25, 0.3, 1 / 16)
"""Of a decay with few bits: none at all, all, exact, and one that is rounded."""

PULSES = np.zeros((STEPS, BATCH, len(FRACTIONS)), np.int64)
PULSES[[0, 6, 12, 18]] = np.array([-1, 1, -7, 23])[:, None, None]
PULSES[:, 1] += whole(3, STEPS, len(FRACTIONS), low=-3, high=3)

SHIFTS = (1.0, 0.5, 0.125, 2.0**-8, 0.3)
"""Of a decay by shift: by 0, 1, 3 and all 8 bits, and what rounds to 2."""

RESETS = [("none", "same"), *itertools.product(("value", "subtract"), ("same", "next"))]
RESETS += [("value", "next-leaked"), ("subtract", "next-leaked")]


def _overflow(v: str, limits: str, i: str | None = None) -> dict[str, Any]:
    return {"membrane_overflow": v, "synapse_overflow": i or v, "limits": limits, **SMALL}


def _at_the_limits(rule: str, limits: str) -> list[Any]:
    own = _overflow(rule, limits)
    words = f"{rule}, {limits}"
    return [
        *(case(f"{words}: {kind}", node, STRONG, own) for kind, node in KINDS.items()),
        case(f"{words}: edges of v", nir.I(np.ones(1)), EDGES, own),
        case(f"{words}: edges of i", cuba_li(1e-4, 1.0, gain=(1,)), EDGES, own),
    ]


def _decays(rounding: str) -> list[Any]:
    own = {"decay_bits": 4, "decay_rounding": rounding}
    return [
        case(f"decay of {rounding}: LI", li(FRACTIONS), PULSES, own),
        case(f"decay of {rounding}: CubaLI", cuba_li(FRACTIONS, FRACTIONS[::-1]), PULSES, own),
    ]


def _resets(reset: str, when: str) -> list[Any]:
    own = {"reset": reset, "reset_when": when}
    lowest = {"membrane_lowest": -9}
    return [
        case(
            f"reset {reset} {when}, {v}", lif(threshold=20, reset=-3), STRONG, {**ar, **more}, **own
        )
        for v in ("saturate", "wrap")
        for ar in [_overflow(v, "full")]
        for more in [lowest if v == "wrap" and when == "next" else {}]
    ]


CASES = (
    *(own for rule, limits in LIMITS for own in _at_the_limits(rule, limits)),
    case("wraps several times", cuba_lif(gain=9), STRONG * 9, _overflow("wrap", "full")),
    case("v wraps and i saturates", cuba_lif(), STRONG, _overflow("wrap", "full", "saturate")),
    case("i wraps and v saturates", cuba_lif(), STRONG, _overflow("saturate", "full", "wrap")),
    case("i of 5 bits, v of 9", cuba_lif(gain=3), STRONG, {"synapse_bits": 5, "membrane_bits": 9}),
    case("v of 2 bits", li(), MILD, {"membrane_bits": 2}),
    case("v of 48 bits", li(a=2.0**-4), MILD * 2**33, {"membrane_bits": 48, "decay_bits": 5}),
    *(own for rounding in ROUNDINGS for own in _decays(rounding)),
    case("decay constant down", li(FRACTIONS), PULSES, {"decay_bits": 4, "decay_value": "down"}),
    case("decay constant at a half", li((1 / 32, 3 / 32)), PULSES[..., :2], {"decay_bits": 4}),
    case("decay constant of 1 bit", li(FRACTIONS), PULSES, {"decay_bits": 1}),
    case("decay constant of 32 bits", li(FRACTIONS), PULSES, {"decay_bits": 32}),
    case("decay by shift: LI", li(SHIFTS), PULSES, {"decay": "shift", "membrane_bits": 8}),
    case(
        "decay by shift: CubaLIF",
        cuba_lif(SHIFTS, SHIFTS[::-1]),
        PULSES,
        {"decay": "shift", "membrane_bits": 8, "synapse_bits": 8},
    ),
    case(
        "decay by shift, of the smallest number",
        li((1.0, 0.5, 2.0**-6), gain=1),
        np.concatenate([np.full((1, 1, 3), -32), np.zeros((8, 1, 3), np.int64)]),
        {"decay": "shift", **SMALL},
    ),
    case(
        "decay that is exponential",
        nir.LI(np.full(SIZE, 4.0), np.full(SIZE, -2 / np.expm1(-0.25)), np.zeros(SIZE)),
        MILD,
        integrator="exponential",
    ),
    case(
        "gain of Euler",
        nir.LI(np.full(SIZE, 4.0), np.full(SIZE, 8.0), np.zeros(SIZE)),
        MILD,
        integrator="exponential",
        input_gain="euler",
    ),
    *(own for reset, when in RESETS for own in _resets(reset, when)),
    case("output of the old v", lif(), STRONG, SMALL, reset_when="next", output="old"),
    case("output of the old v: LI", li(), STRONG, SMALL, reset="none", output="old"),
    *(
        case(f"equal to the threshold, {ties}", i_f(threshold=5), MILD % 3 * 5 - 5, threshold=ties)
        for ties in ("gt", "ge")
    ),
    case("threshold of 0", lif(threshold=0), MILD),
    case("counts of spikes", lif(threshold=(1, 3, 7)), MILD * 3, spikes="multi", reset="subtract"),
    case(
        "counts of spikes, at most 2",
        lif(threshold=(1, 3, 7)),
        MILD * 3,
        {"membrane_bits": 8},
        spikes="multi",
        max_spikes=2,
        reset="subtract",
    ),
    case("counts of spikes, to a value", lif(threshold=4, reset=-2), MILD * 3, spikes="multi"),
    case(
        "counts of spikes, next step",
        cuba_lif(threshold=4),
        STRONG,
        SMALL,
        spikes="multi",
        reset="subtract",
        reset_when="next",
    ),
    *(
        case(f"lowest v of {low}, {rule}", lif(), STRONG, {"membrane_lowest": low, **own})
        for low in (-20, 0)
        for rule in ("saturate", "wrap")
        for own in [_overflow(rule, "full")]
    ),
    *(
        case(
            f"change of v, {rule}, {limits}",
            lif(constant=-12, gain=2, threshold=10),
            STRONG,
            {"membrane_change": "saturate", **_overflow(rule, limits)},
        )
        for rule, limits in LIMITS
    ),
    case(
        "change of v: CubaLIF",
        cuba_lif(gain=3),
        STRONG,
        {"membrane_change": "saturate", "membrane_lowest": -25, **SMALL},
    ),
    case("v starts at the leak", lif(constant=3, threshold=30), MILD, initial_v="leak"),
    case("voltage first", cuba_lif(), STRONG, SMALL, synapse="voltage-first"),
    *(
        case(f"{way}, {rule}", cuba_lif(jump=True), STRONG, own, synapse_input=way)
        for way in ("jump", "jump-then-decay")
        for rule in ("saturate", "wrap")
        for own in [_overflow(rule, "full")]
    ),
)
