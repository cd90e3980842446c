"""Conv1d and Conv2d: stride, dilation, groups, depthwise, every padding, with and without bias."""

# nir annotates ints where it accepts pairs, and omits None.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np

import nirx
from nirx_conformance.cases.case import FixedCase, chain, drive, neuron, spikes, uniform

__all__ = ["CASES"]

D = nirx.Discretization(dt=1e-3)

# options: (weight, input, output, stride, padding, dilation, groups, bias)
ONE = {
    "plain": ((3, 2, 3), (2, 9), (3, 7), 1, 0, 1, 1, True),
    "without bias": ((3, 2, 3), (2, 9), (3, 7), 1, 0, 1, 1, False),
    "stride": ((3, 2, 3), (2, 9), (3, 4), 2, 0, 1, 1, True),
    "padding": ((3, 2, 3), (2, 5), (3, 9), 1, 3, 1, 1, True),
    "dilation": ((3, 2, 3), (2, 9), (3, 3), 1, 0, 3, 1, True),
    "groups": ((4, 3, 3), (6, 7), (4, 5), 1, 0, 1, 2, True),
    "depthwise": ((4, 1, 3), (4, 7), (4, 5), 1, 0, 1, 4, True),
    "same, odd kernel": ((2, 2, 3), (2, 6), (2, 6), 1, "same", 1, 1, True),
    "same, even kernel": ((2, 2, 4), (2, 6), (2, 6), 1, "same", 1, 1, True),
    "same with dilation": ((2, 2, 2), (2, 7), (2, 7), 1, "same", 3, 1, True),
    "valid": ((2, 2, 4), (2, 6), (2, 3), 1, "valid", 1, 1, True),
    "kernel as long as the input": ((2, 3, 5), (3, 5), (2, 1), 1, 0, 1, 1, True),
    "all at once": ((4, 2, 3), (4, 11), (4, 5), 2, 1, 2, 2, True),
}
TWO = {
    "plain": ((3, 2, 3, 3), (2, 6, 6), (3, 4, 4), 1, 0, 1, 1, True),
    "without bias": ((3, 2, 3, 3), (2, 6, 6), (3, 4, 4), 1, 0, 1, 1, False),
    "non-square kernel": ((3, 2, 1, 4), (2, 6, 6), (3, 6, 3), 1, 0, 1, 1, True),
    "int stride": ((2, 2, 2, 2), (2, 6, 7), (2, 3, 3), 2, 0, 1, 1, True),
    "pair stride": ((2, 2, 2, 2), (2, 6, 7), (2, 2, 6), (3, 1), 0, 1, 1, True),
    "int padding": ((2, 2, 3, 3), (2, 4, 5), (2, 6, 7), 1, 2, 1, 1, True),
    "pair padding": ((2, 2, 3, 3), (2, 4, 5), (2, 2, 7), 1, (0, 2), 1, 1, True),
    "int dilation": ((2, 2, 2, 3), (2, 6, 7), (2, 4, 3), 1, 0, 2, 1, True),
    "pair dilation": ((2, 2, 2, 3), (2, 6, 7), (2, 5, 1), 1, 0, (1, 3), 1, True),
    "groups": ((4, 2, 2, 2), (4, 4, 4), (4, 3, 3), 1, 0, 1, 2, True),
    "depthwise": ((3, 1, 3, 3), (3, 5, 5), (3, 3, 3), 1, 0, 1, 3, True),
    "same, even kernel": ((2, 2, 2, 4), (2, 4, 5), (2, 4, 5), 1, "same", 1, 1, True),
    "same with dilation": ((2, 2, 2, 3), (2, 5, 6), (2, 5, 6), 1, "same", (3, 2), 1, True),
    "valid": ((2, 2, 3, 2), (2, 4, 5), (2, 2, 4), 1, "valid", 1, 1, True),
    "all at once": ((4, 2, 3, 2), (4, 9, 8), (4, 4, 5), (2, 1), (1, 0), (2, 3), 2, True),
}


def _conv(kind: type, seed: int, option: tuple[Any, ...], space: Any = None) -> Any:
    weight, _, _, stride, padding, dilation, groups, bias = option
    numbers = uniform(seed, weight[0]) if bias else None
    own = uniform(seed + 1, *weight)
    return kind(space, own, stride, padding, dilation, groups, numbers)


CASES = (
    *(
        FixedCase(
            f"{kind.__name__.lower()} {words}",
            chain(option[1], option[2], _conv(kind, 2 * (first + k), option)),
            uniform(2 * (first + 100 + k), 4, 2, *option[1]),
        )
        for kind, options, first in ((nir.Conv1d, ONE, 1000), (nir.Conv2d, TWO, 1300))
        for k, (words, option) in enumerate(options.items())
    ),
    FixedCase(
        "conv2d with its input_shape",
        chain((2, 6, 6), (3, 4, 4), _conv(nir.Conv2d, 3203, TWO["plain"], (6, 6))),
        uniform(3205, 4, 2, 2, 6, 6),
    ),
    FixedCase(
        "conv2d of a neuron's spikes",
        chain(
            (2, 6, 7),
            (2, 2, 6),
            neuron(nir.LIF, 3212, 2, 1, 1),
            _conv(nir.Conv2d, 3213, TWO["pair stride"]),
            neuron(nir.LI, 3215, 2, 1, 1),
        ),
        drive(3216, 20, 1, 2, 6, 7),
        D,
    ),
    FixedCase(
        "conv1d two in a row between neurons",
        chain(
            (2, 9),
            (2, 2),
            _conv(nir.Conv1d, 3217, ONE["plain"]),
            neuron(nir.LIF, 3219, 3, 1),
            nir.Conv1d(None, uniform(3220, 2, 3, 3), 2, 0, 1, 1, np.zeros(2)),
            neuron(nir.CubaLIF, 3221, 2, 1, r=20.0),
            nir.Delay(np.array([[1e-3], [2e-3]])),
            nir.Conv1d(None, uniform(3222, 2, 2, 2), 1, 0, 1, 1, None),
        ),
        spikes(3223, 30, 1, 2, 9),
        D,
    ),
)
