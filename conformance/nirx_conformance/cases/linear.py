"""Linear and Affine: every shape of weight and bias, batch axes, ill-conditioned sums."""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import FixedCase, chain, drive, neuron, spikes, uniform

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
WEIGHTS = {
    "7 x 1": (7, 1),
    "5 x 3": (5, 3),
    "3 x 17": (3, 17),
    "2 x 3 x 4": (2, 3, 4),
    "2 x 1 x 3 x 2": (2, 1, 3, 2),
}


def _ends(weight: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (*weight[:-2], weight[-1]), weight[:-1]


CASES = (
    *(
        FixedCase(
            f"linear {words}",
            chain(*_ends(weight), nir.Linear(uniform(600 + k, *weight))),
            uniform(620 + k, 8, 2, *_ends(weight)[0]),
        )
        for k, (words, weight) in enumerate(WEIGHTS.items())
    ),
    *(
        FixedCase(
            f"affine {words}",
            chain(
                *_ends(weight),
                nir.Affine(uniform(640 + k, *weight), uniform(660 + k, *_ends(weight)[1])),
            ),
            uniform(680 + k, 8, 2, *_ends(weight)[0]),
        )
        for k, (words, weight) in enumerate(WEIGHTS.items())
        if len(weight) > 2 or weight == (5, 3)
    ),
    FixedCase(
        "affine with a bias of one number",
        chain((4,), (3,), nir.Affine(uniform(700, 3, 4), np.array(0.75))),
        uniform(701, 8, 2, 4),
    ),
    FixedCase(
        "affine with one bias for all leading axes",
        chain((2, 4), (2, 3), nir.Affine(uniform(702, 2, 3, 4), uniform(703, 3))),
        uniform(704, 8, 2, 2, 4),
    ),
    FixedCase(
        "linear without batch",
        chain((4,), (3,), nir.Linear(uniform(707, 3, 4))),
        uniform(708, 9, 4),
    ),
    FixedCase(
        "linear with three batch axes",
        chain((4,), (3,), nir.Linear(uniform(709, 3, 4))),
        uniform(710, 5, 2, 1, 3, 4),
    ),
    FixedCase(
        "linear with an empty batch",
        chain((4,), (3,), nir.Linear(uniform(711, 3, 4)), neuron(nir.LIF, 712, 3)),
        uniform(713, 5, 0, 4),
        D,
        level="full",
    ),
    FixedCase(
        "linear of integers",
        chain((4,), (3,), nir.Linear(uniform(714, 3, 4))),
        np.floor(uniform(715, 8, 2, 4, low=-3, high=4)).astype(np.int64),
    ),
    FixedCase(
        "affine and neurons five layers deep",
        chain(
            (8,),
            (4,),
            nir.Affine(uniform(730, 12, 8), uniform(731, 12)),
            neuron(nir.LIF, 732, 12),
            nir.Linear(uniform(733, 10, 12)),
            neuron(nir.CubaLIF, 734, 10, r=20.0),
            nir.Affine(uniform(735, 4, 10), uniform(736, 4)),
            neuron(nir.LI, 737, 4),
        ),
        spikes(738, 40, 2, 8),
        D,
    ),
    FixedCase(
        "linear of many spikes",
        chain((200,), (8,), neuron(nir.LIF, 740, 200), nir.Linear(uniform(741, 8, 200))),
        drive(742, 15, 1, 200),
        D,
    ),
)
