"""Whether an array holds what reproducible mode replaces by +0: one pass that only reads."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nirx.execution.kernels.running import run_kernel
from nirx.execution.reproducible import SMALLEST

__all__ = ["WORTH_IT", "needs_flush"]

WORTH_IT = 2**15
"""Elements above which a kernel is faster than NumPy, and reading faster than copying."""
BLOCK = 2**12
"""Elements that are looked at together."""


@lru_cache(maxsize=2)
def _source(dtype: str) -> str:
    """The text of a kernel: the bits of the numbers, a result for each block, the range of blocks.

    Bits without the sign compare as magnitudes do; those of +0 are 0, and a NaN is above all.
    """
    bits = np.dtype(dtype).itemsize * 8
    bound = int(np.array(SMALLEST[dtype], dtype).view(f"u{bits // 8}"))
    return f"""
U = np.uint{bits}
def kernel(u, found, b0, b1):
    size = np.uint64(u.size)
    for b in range(b0, b1):
        small = U(0)
        first = b * np.uint64({BLOCK})
        for i in range(first, min(first + np.uint64({BLOCK}), size)):
            small |= U(u[i] != U(0)) & U((u[i] & U({2 ** (bits - 1) - 1})) < U({bound}))
        found[b] = np.uint8(small)
"""


def needs_flush(array: np.ndarray) -> bool:
    """Whether any number of a contiguous float array is below B in magnitude, but not +0."""
    if array.size < WORTH_IT:
        small = np.abs(array) < SMALLEST[array.dtype.name]
        return bool((small & (array.view(f"u{array.itemsize}") != 0)).any())
    bits = np.require(array, requirements=["W"]).reshape(-1).view(f"u{array.itemsize}")
    blocks = -(-bits.size // BLOCK)
    found = np.empty(blocks, np.uint8)
    run_kernel(_source(array.dtype.name), (bits, found), blocks, bits.size)
    return bool(found.any())
