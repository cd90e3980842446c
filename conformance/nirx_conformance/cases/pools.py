"""SumPool2d, AvgPool2d and Flatten: overlapping windows, remainders, padding; any axes."""

# nir's annotations omit None.
# pyright: reportArgumentType=false

from __future__ import annotations

import nir
import numpy as np

from nirx_conformance.cases.case import FixedCase, chain, uniform

__all__ = ["CASES"]

# options: kernel, stride, padding, output of an input of 2 x 5 x 6
OPTIONS = {
    "plain": ((2, 2), (2, 2), (0, 0), (2, 2, 3)),
    "overlapping": ((3, 2), (1, 1), (0, 0), (2, 3, 5)),
    "with a rest": ((2, 4), (2, 4), (0, 0), (2, 2, 1)),
    "padded": ((3, 3), (2, 3), (1, 1), (2, 3, 2)),
    "padded on one side": ((2, 3), (1, 2), (0, 1), (2, 4, 3)),
}
# options: start, end, output of an input of 2 x 3 x 4
AXES = {
    "all": (0, -1, (24,)),
    "the last two": (1, 2, (2, 12)),
}


def _pool(kind: type, option: tuple[tuple[int, ...], ...]) -> object:
    return kind(*(np.array(pair) for pair in option[:3]))


CASES = (
    *(
        FixedCase(
            f"{name} {words}",
            chain((2, 5, 6), option[3], _pool(kind, option)),
            uniform(first + k, 4, 2, 2, 5, 6),
        )
        for name, kind, first in (
            ("sum-pool", nir.SumPool2d, 4000),
            ("avg-pool", nir.AvgPool2d, 4050),
        )
        for k, (words, option) in enumerate(OPTIONS.items())
    ),
    FixedCase(
        "avg-pool of a third",
        chain((1, 3, 3), (1, 1, 1), _pool(nir.AvgPool2d, ((3, 3), (3, 3), (0, 0)))),
        uniform(4101, 8, 2, 1, 3, 3),
    ),
    *(
        FixedCase(
            f"flatten {words}",
            chain(
                (2, 3, 4),
                gives,
                nir.Flatten({"input": None}, start, end),
                nir.Scale(uniform(4110 + k, *gives)),
            ),
            uniform(4120 + k, 4, 2, 2, 3, 4),
        )
        for k, (words, (start, end, gives)) in enumerate(AXES.items())
    ),
    FixedCase(
        "flatten with its input_type",
        chain(
            (2, 3),
            (2,),
            nir.Flatten({"input": np.array([2, 3])}, 0, -1),
            nir.Linear(uniform(4130, 2, 6)),
        ),
        uniform(4131, 4, 2, 2, 3),
    ),
    FixedCase(
        "flatten a number",
        chain(
            (),
            (2,),
            nir.Flatten({"input": None}, 0, -1),
            nir.Affine(uniform(4132, 2, 1), uniform(4133, 2)),
        ),
        uniform(4134, 4, 2),
    ),
)
