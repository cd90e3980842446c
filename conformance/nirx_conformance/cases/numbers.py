"""The first cases of difficult numbers: silence, huge and tiny values, NaN, ties; a real network.

New cases go into `extremes` and `ties`.
"""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import FixedCase, chain, neuron, spikes, uniform
from nirx_conformance.demo.train import DISCRETIZATION, NETWORK

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)

POWERS = np.array([1e-30, 1e-20, 1e-10, 1.0, 1e10, 1e20])


def _silent_after(steps: int, silence: int) -> np.ndarray:
    return np.concatenate([spikes(71, steps, 2, 6), np.zeros((silence, 2, 6), bool)])


def _with_specials(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[5, 0, 1], x[9, 1, 2], x[12, 0, 3], x[15, 1, 0] = np.nan, np.inf, -np.inf, -0.0
    return x


CASES = (
    FixedCase(
        "silence of 3000 steps",
        chain(
            (6,),
            (6,),
            neuron(nir.CubaLIF, 72, 6, v_leak=0.0, tau_syn=2e-3, tau_mem=5e-3),
            nir.Linear(uniform(73, 6, 6)),
            neuron(nir.LI, 74, 6, v_leak=0.0),
        ),
        _silent_after(30, 3000),
        D,
        level="full",
    ),
    FixedCase(
        "not a number and infinity",
        chain((4,), (4,), nir.Linear(uniform(75, 4, 4)), neuron(nir.LIF, 76, 4)),
        _with_specials(uniform(77, 30, 2, 4)),
        D,
        level="full",
    ),
    FixedCase(
        "tiny and huge",
        chain(
            (6,),
            (6,),
            nir.Scale(POWERS),
            neuron(nir.LI, 78, 6),
        ),
        uniform(79, 30, 2, 6) * 1e-8,
        D,
        level="full",
    ),
    FixedCase(
        "ties at the threshold",
        chain((4,), (4,), nir.IF(np.full(4, 1000.0), np.array([1.0, 2.0, 3.0, 0.5]), np.zeros(4))),
        0.5 * np.ones((30, 1, 4)),
        D,
    ),
    FixedCase(
        "the demo's digits",
        nirx.read(NETWORK),
        spikes(80, 32, 10, 64, rate=0.2),
        DISCRETIZATION,
    ),
)
