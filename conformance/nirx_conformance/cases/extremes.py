"""Extremes: NaN and infinity, subnormals, long silence, widely different time constants."""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import (
    GAIN,
    NEURONS,
    FixedCase,
    chain,
    drive,
    neuron,
    recurrent,
    spikes,
    uniform,
)

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
SPECIAL = {"NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf}


def _with(value: float, seed: int, steps: int, size: int) -> np.ndarray:
    x = drive(seed, steps, 2, size)
    x[6, 0, 1] = value
    return x


def _then_silent(seed: int, steps: int, silence: int, size: int) -> np.ndarray:
    return np.concatenate([spikes(seed, steps, 1, size), np.zeros((silence, 1, size), bool)])


def _leaky(kind: type, seed: int, size: int) -> object:
    fast = {"tau": 2e-3, "tau_mem": 2e-3, "tau_syn": 1.5e-3, "v_leak": 0.0}
    return neuron(kind, seed, size, **fast)


MET = {
    "NaN": (nir.IF, nir.LI, nir.CubaLIF),
    "infinity": (nir.LIF, nir.CubaLI),
    "minus infinity": (nir.I, nir.CubaLIF),
}
LEAKY = (nir.LIF, nir.CubaLI, nir.CubaLIF)
TAUS = {
    "huge": {"tau": 1e6, "tau_mem": 1e6, "tau_syn": 1e6, "r": 1e8},
    "of one step": {"tau": 1e-3, "tau_mem": 1e-3, "tau_syn": 1e-3},
    "far apart": {"tau": 1e3, "tau_mem": 1e3, "tau_syn": 1e-3, "r": 1e5},
}
LOOP = recurrent(3, neuron(nir.LIF, 9500, 3), nir.Linear(uniform(9501, 3, 3)))

CASES = (
    *(
        FixedCase(
            f"special {words} into {kind.__name__}",
            chain((3,), (3,), neuron(kind, 9100 + 10 * j + k, 3, r=GAIN.get(kind, 6.0))),
            _with(value, 9200 + 10 * j + k, 15, 3),
            D,
            level="full",
        )
        for j, (words, value) in enumerate(SPECIAL.items())
        for k, kind in enumerate(NEURONS)
        if kind in MET[words]
    ),
    *(
        FixedCase(
            f"special NaN through {words}",
            chain((3,), (3,), *nodes),
            _with(np.nan, 9300 + k, 12, 3),
            D,
            level="full",
        )
        for k, (words, nodes) in enumerate(
            {
                "Delay and Scale": (nir.Delay(np.full(3, 2e-3)), nir.Scale(uniform(9310, 3))),
                "Threshold": (nir.Threshold(uniform(9311, 3)),),
                "Affine": (nir.Affine(uniform(9312, 3, 3), uniform(9313, 3)),),
            }.items()
        )
    ),
    FixedCase("special NaN around a loop", LOOP, _with(np.nan, 9314, 20, 3), D, level="full"),
    FixedCase(
        "special infinity times zero",
        chain((3,), (3,), nir.Scale(np.array([0.0, -1.0, 1.0]))),
        np.full((3, 1, 3), np.inf),
        level="full",
    ),
    FixedCase(
        "special infinity and at most 3 spikes",
        chain((3,), (3,), neuron(nir.LIF, 9320, 3)),
        _with(np.inf, 9330, 15, 3),
        nirx.Discretization(dt=1e-3, spikes="multi", max_spikes=3),
        level="full",
    ),
    *(
        FixedCase(
            f"silence through subnormals {kind.__name__}",
            chain((2,), (2,), _leaky(kind, 9400 + k, 2)),
            _then_silent(9410 + k, 12, 1300, 2),
            D,
            level="full",
        )
        for k, kind in enumerate(LEAKY)
    ),
    FixedCase("silence in a loop", LOOP, _then_silent(9420, 12, 1500, 3), D, level="full"),
    FixedCase(
        "silence from the start",
        chain((3,), (3,), neuron(nir.CubaLIF, 9421, 3, v_leak=0.0)),
        np.zeros((20, 2, 3)),
        D,
    ),
    *(
        FixedCase(
            f"tau {words} {kind.__name__}{end}",
            chain((3,), (3,), neuron(kind, 9430 + 10 * j + k, 3, **taus)),
            drive(9460 + 10 * j + k, 30, 2, 3),
            nirx.Discretization(dt=1e-3, integrator="exponential" if end else "euler"),
            level="full",
        )
        for j, (words, taus) in enumerate(TAUS.items())
        for k, (kind, end) in enumerate(
            [(nir.LIF, ""), (nir.LIF, " exponential"), (nir.CubaLI, "")]
        )
        if not end or words == "huge"
        if kind is nir.LIF or words == "far apart"
    ),
    FixedCase(
        "tau much shorter than a step",
        chain((3,), (3,), neuron(nir.LI, 9490, 3, tau=1e-9)),
        drive(9491, 12, 2, 3),
        nirx.Discretization(dt=1e-3, integrator="exponential"),
        level="full",
    ),
)
