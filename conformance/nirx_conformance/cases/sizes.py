"""Sizes: 1 to 10,000 neurons, 1 to 10,000 steps, wide and deep networks.

The widest layers share their parameters, so that their files stay small.
"""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import FixedCase, chain, drive, neuron, recurrent, spikes, uniform

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
LOOP = recurrent(2, neuron(nir.LIF, 9600, 2), nir.Linear(uniform(9601, 2, 2)))

CASES = (
    *(
        FixedCase(
            f"size {size} {kind.__name__}",
            chain((size,), (size,), neuron(kind, 9610 + k, size if size < 10_000 else 1, r=12.0)),
            drive(9620 + k, steps, 1, size),
            D,
            level="full" if size > 100 else "",
        )
        for k, (size, steps, kind) in enumerate(
            [
                (1, 60, nir.LIF),
                (100, 20, nir.CubaLIF),
                (1000, 10, nir.LIF),
                (10_000, 8, nir.CubaLIF),
            ]
        )
    ),
    FixedCase(
        "size 100 x 100 IF",
        chain((100, 100), (100, 100), neuron(nir.IF, 9630, 100, 1, r=300.0)),
        spikes(9631, 8, 1, 100, 100),
        D,
        level="full",
    ),
    FixedCase(
        "size 10000 through a Delay",
        chain(
            (10_000,), (10_000,), nir.Delay(np.round(uniform(9632, 10_000, low=0.0, high=5e-3), 3))
        ),
        spikes(9633, 8, 1, 10_000),
        D,
        level="full",
    ),
    FixedCase(
        "size 100 recurrent",
        recurrent(100, neuron(nir.LIF, 9634, 100), nir.Linear(0.2 * uniform(9635, 100, 100))),
        spikes(9636, 12, 1, 100),
        D,
        level="full",
    ),
    *(
        FixedCase(
            f"time {steps} steps{words}",
            network,
            drive(9640 + k, steps, 1, 2),
            D,
            level="full" if steps > 100 else "",
        )
        for k, (steps, words, network) in enumerate(
            [
                (1, "", chain((2,), (2,), neuron(nir.CubaLIF, 9650, 2, r=90.0))),
                (1, ", a loop", LOOP),
                (1000, "", chain((2,), (2,), neuron(nir.LIF, 9652, 2))),
                (2000, ", a loop", LOOP),
                (10_000, "", chain((2,), (2,), neuron(nir.LI, 9653, 2))),
            ]
        )
    ),
    FixedCase(
        "size twelve layers deep",
        chain(
            (3,), (3,), *(neuron((nir.LI, nir.LIF)[k % 2], 9660 + k, 3, r=12.0) for k in range(12))
        ),
        drive(9680, 30, 2, 3),
        D,
    ),
)
