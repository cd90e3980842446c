"""float32: rounded parameters and inputs, its own subnormals, integers beyond 2**24."""

from __future__ import annotations

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import (
    GAIN,
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
RELATIVE = "float32 has a relative rounding of 6e-8, and a few hundred operations add theirs"
TOLERANCE = 1e-5


def _single(name: str, network: nir.NIRGraph, inputs: np.ndarray, level: str = "") -> FixedCase:
    return FixedCase(
        f"float32 {name}",
        network,
        inputs,
        D,
        dtype="float32",
        level=level,
        tolerance=TOLERANCE,
        reason=RELATIVE,
    )


LOOP = recurrent(
    3, neuron(nir.CubaLIF, 9900, 3, r=12.0), nir.Affine(uniform(9901, 3, 3), uniform(9902, 3))
)

CASES = (
    *(
        _single(
            kind.__name__,
            chain((3,), (3,), neuron(kind, 9910 + k, 3, r=GAIN.get(kind, 6.0))),
            drive(9920 + k, 30, 2, 3),
        )
        for k, kind in enumerate((nir.IF, nir.LI, nir.CubaLIF))
    ),
    _single(
        "Affine",
        chain((9,), (5,), nir.Affine(uniform(9930, 5, 9), uniform(9931, 5))),
        uniform(9932, 8, 2, 9),
    ),
    _single(
        "Conv2d",
        chain(
            (2, 5, 5),
            (3, 3, 3),
            nir.Conv2d(None, uniform(9933, 3, 2, 3, 3), 1, 0, 1, 1, uniform(9934, 3)),
        ),
        uniform(9935, 4, 2, 2, 5, 5),
    ),  # type: ignore[arg-type]
    _single("loop", LOOP, drive(9936, 30, 2, 3)),
    _single(
        "Delay beside the grid",
        chain((3,), (3,), nir.Delay(np.array([1e-3, 2.6e-3, 7e-4]))),
        drive(9937, 12, 2, 3),
    ),
    _single(
        "multiples of a third",
        chain((3,), (3,), nir.Scale(np.full(3, 1 / 3)), nir.Scale(np.full(3, 3.0))),
        uniform(9938, 8, 2, 3),
    ),
    _single(
        "integers beyond 2**24",
        chain((3,), (3,), nir.Scale(np.ones(3))),
        2.0**24 + np.arange(24.0).reshape(4, 2, 3),
        "full",
    ),
    _single(
        "silence down through subnormals",
        chain((2,), (2,), neuron(nir.LI, 9939, 2, tau=2e-3, v_leak=0.0)),
        np.concatenate([spikes(9940, 10, 1, 2), np.zeros((200, 1, 2), bool)]),
        "full",
    ),
)
