"""Ties: v exactly at the threshold, in numbers exact in binary; v_reset relative to v_leak."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import FixedCase, chain, drive

__all__ = ["CASES"]

EXACT = "every number is a small dyadic fraction: nothing is rounded, in float32 neither"
HALF = nirx.Discretization(dt=0.5)
RESETS = {"above": 0.25, "at": 0.125, "below": -0.5}


def _full(*values: float) -> list[np.ndarray]:
    return [np.full(2, value) for value in values]


NEURONS = {
    # dt*r = 0.5: v rises by 0.25 per step and reaches 1 in the fourth
    "IF": (nir.IF(*_full(1.0, 1.0, -0.25)), 0.5),
    # a = 0.5: 0.5, 0.75, 0.875 towards 1
    "LIF": (nir.LIF(*_full(1.0, 1.0, 0.0, 0.875, 0.0)), 1.0),
    # i: 0.5, 0.75, ...; v: 0.25, 0.5, 0.6875
    "CubaLIF": (nir.CubaLIF(*_full(1.0, 1.0, 1.0, 0.0, 0.6875, 0.0)), 1.0),
}
CHOICES: dict[str, dict[str, Any]] = {
    "gt": {},
    "ge": {"threshold": "ge"},
    "ge, subtract": {"threshold": "ge", "reset": "subtract"},
    "multi": {"spikes": "multi", "reset": "subtract"},
}
STEPS = np.arange(-4, 5) * 0.25


def _case(name: str, node: Any, signal: Any, d: nirx.Discretization = HALF) -> FixedCase:
    return FixedCase(name, chain((2,), (2,), node), signal, d, tolerance=0.0, reason=EXACT)


def _resetting(kind: Any, v_reset: float) -> Any:
    """v_leak is 0.125; the other parameters make it spike every few steps."""
    if kind is nir.LIF:
        return nir.LIF(*_full(1.0, 6.0, 0.125, 0.5, v_reset))
    return nir.CubaLIF(*_full(0.5, 1.0, 9.0, 0.125, 0.5, v_reset))


CASES = (
    *(
        _case(
            f"ties of {kind}: {words}",
            node,
            (5 * value if words == "multi" else value) * np.ones((14, 1, 2)),
            nirx.Discretization(dt=0.5, **choice),
        )
        for kind, (node, value) in NEURONS.items()
        for words, choice in CHOICES.items()
        if kind == "IF" or words in ("gt", "ge")
    ),
    *(
        _case(
            f"ties of Threshold: {words}",
            nir.Threshold(np.array([0.5, -0.25])),
            np.stack([STEPS, -STEPS], -1)[:, None],
            nirx.Discretization(dt=0.5, threshold=words),  # type: ignore[arg-type]
        )
        for words in ("gt", "ge")
    ),
    _case(
        "ties of two thresholds at once",
        nir.IF(*_full(1.0, 0.5, 0.0)),
        np.tile(np.array([0.0, 1.0, 2.0, 3.0]).reshape(4, 1, 1), (3, 1, 2)),
        nirx.Discretization(dt=0.5, spikes="multi", reset="subtract"),
    ),
    _case(
        "ties one ULP of float32 beside",
        nir.Threshold(np.full(2, 1.0)),
        np.array([1 - 2.0**-24, 1.0, 1 + 2.0**-23, -1.0]).reshape(4, 1, 1) * np.ones(2),
    ),
    _case(
        "ties at a threshold of zero",
        nir.LIF(*_full(1.0, 1.0, 0.0, 0.0, -0.5)),
        np.tile(np.array([0.0, -1.0, 1.0, 0.5]).reshape(4, 1, 1), (4, 1, 2)),
    ),
    *(
        FixedCase(
            f"reset {words} the leak: {kind.__name__}",
            chain((2,), (2,), _resetting(kind, v_reset)),
            drive(9000 + k, 30, 2, 2),
            nirx.Discretization(dt=0.125),
        )
        for k, (words, v_reset, kind) in enumerate(
            (w, v, t)
            for w, v in RESETS.items()
            for t in (nir.LIF, nir.CubaLIF)
            if t is nir.LIF or w == "below"
        )
    ),
    FixedCase(
        "reset above the threshold",
        chain((2,), (2,), nir.LIF(*_full(1.0, 4.0, 0.0, 0.5, 0.75))),
        drive(9010, 30, 2, 2),
        nirx.Discretization(dt=0.125),
    ),
    FixedCase(
        "reset at the threshold",
        chain((2,), (2,), nir.LIF(*_full(1.0, 4.0, 0.0, 0.5, 0.5))),
        drive(9011, 30, 2, 2),
        nirx.Discretization(dt=0.125, threshold="ge"),
    ),
    FixedCase(
        "reset with the leak above the threshold",
        chain((2,), (2,), nir.LIF(*_full(1.0, 1.0, 1.0, 0.5, 0.0))),
        0.25 * drive(9012, 30, 2, 2),
        nirx.Discretization(dt=0.125),
    ),
    FixedCase(
        "reset below a negative threshold",
        chain((2,), (2,), nir.LIF(*_full(1.0, 2.0, -1.0, -0.5, -2.0))),
        drive(9013, 30, 2, 2),
        nirx.Discretization(dt=0.125),
    ),
)
