"""Every stateless node: dot products, convolutions, pools, elementwise, reshaping."""

# nir annotates ints where it accepts pairs, and omits None.
# pyright: reportArgumentType=false

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import FixedCase, chain, neuron, spikes, uniform

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
KERNEL = uniform(11, 4, 2, 3, 2)
ILL_CONDITIONED = np.where(spikes(12, 6, 64, rate=0.5), 1e8, 1e-8) * uniform(13, 6, 64)


def _pair(a: int, b: int) -> np.ndarray:
    return np.array([a, b])


CASES = (
    FixedCase("linear", chain((9,), (4,), nir.Linear(uniform(14, 4, 9))), uniform(15, 20, 3, 9)),
    FixedCase(
        "affine of spikes",
        chain(
            (30,),
            (20,),
            nir.Affine(uniform(16, 25, 30), uniform(17, 25)),
            neuron(nir.LIF, 18, 25),
            nir.Affine(uniform(19, 20, 25), uniform(20, 20)),
        ),
        spikes(21, 40, 4, 30),
        D,
    ),
    FixedCase(
        "affine batched",
        chain((2, 3, 5), (2, 3, 4), nir.Affine(uniform(22, 2, 3, 4, 5), uniform(23, 2, 3, 4))),
        uniform(24, 10, 2, 2, 3, 5),
    ),
    FixedCase(
        "linear ill-conditioned",
        chain((64,), (6,), nir.Linear(ILL_CONDITIONED)),
        uniform(25, 30, 2, 64),
    ),
    FixedCase(
        "linear wide",
        chain((1000,), (3,), nir.Linear(uniform(26, 3, 1000))),
        uniform(27, 10, 2, 1000),
    ),
    FixedCase(
        "conv1d",
        chain(
            (4, 15),
            (6, 7),
            nir.Conv1d(None, uniform(28, 6, 2, 3), 2, 1, 2, 2, uniform(29, 6)),
            neuron(nir.LIF, 30, 6, 7),
        ),
        uniform(31, 25, 2, 4, 15),
        D,
    ),
    FixedCase(
        "conv2d and pools",
        chain(
            (2, 8, 9),
            (4 * 2 * 2,),
            nir.Conv2d(None, KERNEL, _pair(1, 1), "same", _pair(1, 2), 1, uniform(32, 4)),
            neuron(nir.IF, 33, 4, 8, 9, r=200.0),
            nir.SumPool2d(_pair(2, 3), _pair(2, 2), _pair(1, 0)),
            nir.AvgPool2d(_pair(2, 2), _pair(2, 2), _pair(0, 0)),
            nir.Flatten({"input": None}, 0, -1),
        ),
        uniform(34, 20, 2, 2, 8, 9, low=-0.5, high=1.5),
        D,
    ),
    FixedCase(
        "scale and threshold",
        chain((3, 4), (3, 4), nir.Scale(uniform(35, 3, 4)), nir.Threshold(uniform(36, 3, 4))),
        uniform(37, 20, 2, 3, 4),
    ),
)
