"""Products with rare spikes: gather and add rows of the weight instead of multiplying matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nirx.execution.kernels.dense import dense_product, fits_dense
from nirx.execution.kernels.printing import paired_sum
from nirx.execution.kernels.running import run_kernel

__all__ = [
    "FEWEST_ROWS",
    "GatheredWeight",
    "bias_row",
    "bound_of",
    "gathering",
    "is_rare",
    "listing",
]


def listing(element: str, inputs: str, index: str = "index") -> list[str]:
    """Lines that list the inputs that are not 0: `count` of them, `whole` of which go by fours.

    Arguments:
        element: the text of an input, with {} for its number.
        inputs: how many there are.
        index: an array for their numbers, [inputs].
    """
    return [
        "count = np.uint64(0)",
        f"for k in range(np.uint64(0), np.uint64({inputs})):",
        f"    {index}[count] = k",
        f"    count += np.uint64({element.format('k')} != 0)",
        "whole = count - count % np.uint64(4)",
    ]


def gathering(
    element: str,
    inputs: str,
    outputs: str,
    rows: Mapping[str, str],
    flag: str = "",
    index: str = "index",
) -> list[str]:
    """Lines that add the weight's rows of all inputs that are not 0, four at a time.

    Arguments:
        element, inputs, index: as for `listing`.
        outputs: how many there are.
        rows: from the text of output n to that of its weight, with {} for the number of the input.
        flag: set to 1 where an input is neither 0 nor 1; rows are then added as they are.
    """

    def term(weight: str, letter: str) -> str:
        return weight.format(letter) if flag else f"x{letter} * {weight.format(letter)}"

    each = f"for n in range(np.uint64(0), np.uint64({outputs})):"
    lines = listing(element, inputs, index)
    lines += [each, *(f"    {total} = 0" for total in rows)]
    for letters, loop in (
        ("abcd", "for i in range(np.uint64(0), whole, np.uint64(4)):"),
        ("a", "for i in range(whole, count):"),
    ):
        lines.append(loop)
        lines += [f"    {c} = {index}[i + np.uint64({i})]" for i, c in enumerate(letters)]
        given = [element.format(c) for c in letters]
        if flag:
            lines.append(f"    if {' or '.join(f'{x} != 1' for x in given)}:")
            lines.append(f"        {flag} = 1")
        else:
            lines += [f"    x{c} = {x}" for c, x in zip(letters, given, strict=True)]
        lines.append(f"    {each}")
        for total, weight in rows.items():
            terms = [term(weight, c) for c in letters]
            lines.append(f"        {total} += {paired_sum(terms)}")
    return lines


def _source() -> str:
    lines = gathering("x[r, {}]", "x.shape[1]", "y.shape[1]", {"y[r, n]": "weight[{}, n]"})
    return "\n".join(
        [
            "def kernel(x, weight, bias, y, r0, r1):",
            "    index = np.empty(x.shape[1], np.uint64)",
            "    for r in range(r0, r1):",
            *(f"        {line}" for line in lines),
            "        if bias.shape[0]:",
            "            for n in range(y.shape[1]):",
            "                y[r, n] += bias[n]",
            "",
        ]
    )


SOURCE = _source()

FEWEST_ROWS = 32
"""With fewer rows, transposing the weight costs more than the product."""
DENSE_ROWS = 256
"""The same for a dense product, which takes less time for a row."""
SAMPLED_ROWS = 64
IN_CACHE = 2**25
"""Bytes of a weight above which its rows come from memory."""
RARE, RARE_FROM_MEMORY = 0.3, 0.04
"""Densities below which gathering was measured to beat a dense product, in float32 and of slices.

A dense product with few outputs is quicker by itself. But the threads of BLAS go on waiting
actively, and then slow down the kernels that follow by more than it saves."""


class GatheredWeight:
    """A weight [outputs, inputs], for dense products and for rare spikes.

    Arguments:
        dense: as the backend holds it.
        host: the same numbers as a NumPy array.
    """

    def __init__(self, dense: Any, host: np.ndarray):
        self.dense, self._host = dense, host
        self._transposed: np.ndarray | None = None
        self._finite = True

    def product(self, x: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray | None:
        """`x @ weight.T + bias` for x [*lead, inputs], or None where that is for BLAS.

        Rows of a weight that is not finite are not gathered, because 0 times infinity is not 0.
        """
        outputs, inputs = self._host.shape
        rows = x.size // inputs if inputs else 0
        rare = self.is_rare(x)
        if not (rare or (rows >= DENSE_ROWS and outputs and fits_dense(self._host))):
            return None
        flat = np.require(x, requirements=["C", "W"]).reshape(rows, inputs)
        row = bias_row(bias, outputs, x.dtype)
        found = self.rows() if rare else self._whole()
        if found is None:
            return None
        y = (_gathered if rare else dense_product)(flat, found, row)
        return y.reshape((*x.shape[:-1], outputs))

    def is_rare(self, x: np.ndarray) -> bool:
        """Whether gathering is the faster way for x [*lead, inputs]."""
        outputs, inputs = self._host.shape
        rows = x.size // inputs if inputs else 0
        if rows < FEWEST_ROWS or not outputs:
            return False
        return is_rare(x.reshape(rows, inputs), bound_of(self._host))

    def rows(self) -> np.ndarray | None:
        """The weight as [inputs, outputs], or None if it is not finite."""
        whole = self._whole()
        return whole if self._finite else None

    def _whole(self) -> np.ndarray:
        if self._transposed is None:
            self._finite = bool(np.isfinite(self._host).all())
            self._transposed = np.ascontiguousarray(self._host.T)
        return self._transposed


def _gathered(x: np.ndarray, rows: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """`x @ rows + bias`; arguments as for `dense_product`."""
    y = np.empty((len(x), rows.shape[1]), x.dtype)
    run_kernel(SOURCE, (x, rows, bias, y), len(x), x.size + y.size * 8)
    return y


def bias_row(bias: np.ndarray | None, outputs: int, dtype: np.dtype) -> np.ndarray:
    """A bias for each output, as kernels take it: without elements for none."""
    return np.empty(0, dtype) if bias is None else np.array(np.broadcast_to(bias, (outputs,)))


def bound_of(weight: np.ndarray) -> float:
    """The density below which gathering is the faster way."""
    return RARE if weight.nbytes <= IN_CACHE else RARE_FROM_MEMORY


def is_rare(x: np.ndarray, bound: float) -> bool:
    """Whether the density of x [rows, inputs], by a sample of its rows, is at most a bound."""
    sample = x[:: max(1, -(-x.shape[0] // SAMPLED_ROWS))]
    return bool(np.count_nonzero(sample) <= bound * sample.size)
