"""Products with rare spikes: gather and add rows of the weight instead of multiplying matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.execution.kernels.compiled import array_type, compile_kernel
from nirx.execution.kernels.threads import split

__all__ = ["FEWEST_ROWS", "GATHERING", "GatheredWeight", "bias_row", "is_rare"]

GATHERING = """
    index = np.empty(x.shape[1], np.uint64)
    for r in range(r0, r1):
        count = np.uint64(0)
        for k in range(x.shape[1]):
            index[count] = k
            count += np.uint64(x[r, k] != 0)
        whole = count - count % np.uint64(4)
"""
"""Lists the inputs of a row that are not 0; four rows of the weight are added at a time."""

SOURCE = f"""
def kernel(x, weight, bias, y, r0, r1):{GATHERING}
        for n in range(y.shape[1]):
            y[r, n] = 0
        for i in range(np.uint64(0), whole, np.uint64(4)):
            a, b = index[i], index[i + np.uint64(1)]
            c, d = index[i + np.uint64(2)], index[i + np.uint64(3)]
            xa, xb, xc, xd = x[r, a], x[r, b], x[r, c], x[r, d]
            for n in range(y.shape[1]):
                first = xa * weight[a, n] + xb * weight[b, n]
                y[r, n] += first + (xc * weight[c, n] + xd * weight[d, n])
        for i in range(whole, count):
            a = index[i]
            xa = x[r, a]
            for n in range(y.shape[1]):
                y[r, n] += xa * weight[a, n]
        if bias.shape[0]:
            for n in range(y.shape[1]):
                y[r, n] += bias[n]
"""

FEWEST_ROWS = 32
"""With fewer rows, transposing the weight costs more than the product."""
SAMPLED_ROWS = 64
IN_CACHE = 2**25
"""Bytes of a weight above which its rows come from memory."""
RARE, RARE_FROM_MEMORY = 0.2, 0.04
"""Densities below which gathering a wide row was measured to beat a dense product."""
LOOKED_AT = 7.0
"""What it costs to look at one input, in multiplications of a dense product."""


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
        """`x @ weight.T + bias` for x [*lead, inputs], or None where a dense product is better.

        It is None where x is dense, where it has few rows, and for a weight that is not finite,
        because 0 times infinity is not 0.
        """
        outputs, inputs = self._host.shape
        transposed = self.rows() if self.is_rare(x) else None
        if transposed is None:
            return None
        rows = x.size // inputs
        flat = np.require(x, requirements=["C", "W"]).reshape(rows, inputs)
        y = np.empty((rows, outputs), x.dtype)
        arrays = flat, transposed, bias_row(bias, outputs, x.dtype), y
        kernel = compile_kernel(SOURCE, (*map(array_type, arrays), "uint64", "uint64"))
        split(lambda a, b: kernel(*arrays, a, b), rows, x.size + y.size * 8)
        return y.reshape((*x.shape[:-1], outputs))

    def is_rare(self, x: np.ndarray) -> bool:
        """Whether gathering is the faster way for x [*lead, inputs]."""
        outputs, inputs = self._host.shape
        rows = x.size // inputs if inputs else 0
        if rows < FEWEST_ROWS or not outputs:
            return False
        return is_rare(x.reshape(rows, inputs), _bound(self._host))

    def rows(self) -> np.ndarray | None:
        """The weight as [inputs, outputs], or None if it is not finite."""
        if self._transposed is None:
            self._finite = bool(np.isfinite(self._host).all())
            self._transposed = np.ascontiguousarray(self._host.T)
        return self._transposed if self._finite else None


def bias_row(bias: np.ndarray | None, outputs: int, dtype: np.dtype) -> np.ndarray:
    """A bias for each output, as kernels take it: without elements for none."""
    return np.empty(0, dtype) if bias is None else np.array(np.broadcast_to(bias, (outputs,)))


def _bound(weight: np.ndarray) -> float:
    """The density below which gathering is the faster way."""
    rare = RARE if weight.nbytes <= IN_CACHE else RARE_FROM_MEMORY
    return rare - LOOKED_AT / weight.shape[0]


def is_rare(x: np.ndarray, bound: float) -> bool:
    """Whether the density of x [rows, inputs], by a sample of its rows, is at most a bound."""
    if bound <= 0:
        return False
    sample = x[:: -(-x.shape[0] // SAMPLED_ROWS)]
    return bool(np.count_nonzero(sample) <= bound * sample.size)
