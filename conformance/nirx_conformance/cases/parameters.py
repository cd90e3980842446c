"""Parameters of every shape: 0-d, one element, vector, matrix, 3-d; broadcast; None and ints."""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import GAIN, NEURONS, FixedCase, chain, drive, neuron, uniform

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)
SHAPES = {
    "0-d": ((), (3,)),
    "one element": ((1,), (3,)),
    "a row": ((4,), (3, 4)),
    "a column": ((3, 1), (3, 4)),
    "3-d": ((2, 3, 2), (2, 3, 2)),
}
ELEMENTWISE = {
    "scale": (nir.Scale, -1.5, 1.5),
    "threshold": (nir.Threshold, 0.0, 1.0),
    "delay": (nir.Delay, 1e-3, 4e-3),
}


def _elementwise(kind: type, seed: int, own: tuple[int, ...], low: float, high: float) -> object:
    numbers = uniform(seed, *own, low=low, high=high)
    return kind(np.round(numbers, 3) if kind is nir.Delay else numbers)


CASES = (
    *(
        FixedCase(
            f"parameters of {kind.__name__}, {words}",
            chain(features, features, neuron(kind, 100 + 10 * k + s, *own, r=GAIN.get(kind, 6.0))),
            drive(200 + 10 * k + s, 30, 2, *features),
            D,
        )
        for k, kind in enumerate(NEURONS)
        for s, (words, (own, features)) in enumerate(SHAPES.items())
        if kind in (nir.LIF, nir.CubaLIF) or words == "0-d"
    ),
    *(
        FixedCase(
            f"{name} parameter {words}",
            chain(features, features, _elementwise(kind, 300 + 10 * k + s, own, low, high)),
            drive(400 + 10 * k + s, 12, 2, *features),
            D,
        )
        for k, (name, (kind, low, high)) in enumerate(ELEMENTWISE.items())
        for s, (words, (own, features)) in enumerate(SHAPES.items())
        if words in ("0-d", "a column", "3-d")
    ),
    *(
        FixedCase(
            f"parameters of {kind.__name__}, v_reset and w_in left to NIR",
            chain((3,), (3,), kind(**{n: np.full(3, v) for n, v in values.items()})),
            drive(500 + k, 30, 2, 3),
            D,
        )
        for k, (kind, values) in enumerate(
            {
                nir.LIF: {"tau": 0.01, "r": 6.0, "v_leak": 0.05, "v_threshold": 0.5},
                nir.CubaLIF: {
                    "tau_syn": 0.004,
                    "tau_mem": 0.01,
                    "r": 9.0,
                    "v_leak": 0.1,
                    "v_threshold": 0.4,
                },
            }.items()
        )
    ),
    FixedCase(
        "parameters as integers",
        chain(
            (3,),
            (3,),
            nir.Linear(np.array([[1, -2, 0], [3, 1, 1], [0, 0, 2]])),
            nir.Scale(np.array([2, 1, -1])),
            nir.LI(np.full(3, 8), np.full(3, 2), np.zeros(3, np.int64)),
        ),
        drive(510, 20, 2, 3),
        nirx.Discretization(dt=1.0),
    ),
    FixedCase(
        "parameters in float32",
        chain((3,), (3,), nir.Affine(*(uniform(511, *s).astype("f4") for s in ((3, 3), (3,))))),
        drive(512, 12, 2, 3),
    ),
    FixedCase(
        "parameters of a signal without axes",
        chain((), (), nir.Scale(uniform(516)), neuron(nir.LIF, 517, r=-8.0)),
        drive(518, 30, 2),
        D,
    ),
)
