"""Gradients of a product: of its input, and of a weight whose inputs are rare spikes."""

from __future__ import annotations

import numpy as np

from nirx.execution.kernels.dense import dense_product, fits_dense
from nirx.execution.kernels.gather import FEWEST_ROWS, bound_of, is_rare, listing
from nirx.execution.kernels.running import run_kernel

__all__ = ["input_gradient", "weight_gradient"]

LISTING = "\n".join(f"        {line}" for line in listing("x[r, {}]", "x.shape[1]"))

SOURCE = f"""
def kernel(x, g, w, r0, r1, n0, n1):
    index = np.empty(x.shape[1], np.uint64)
    for r in range(r0, r1):
{LISTING}
        for i in range(np.uint64(0), whole, np.uint64(4)):
            a, b = index[i], index[i + np.uint64(1)]
            c, d = index[i + np.uint64(2)], index[i + np.uint64(3)]
            xa, xb, xc, xd = x[r, a], x[r, b], x[r, c], x[r, d]
            for n in range(n0, n1):
                own = g[r, n]
                w[a, n] += xa * own
                w[b, n] += xb * own
                w[c, n] += xc * own
                w[d, n] += xd * own
        for i in range(whole, count):
            a = index[i]
            xa = x[r, a]
            for n in range(n0, n1):
                w[a, n] += xa * g[r, n]
"""


def input_gradient(g: np.ndarray, weight: np.ndarray) -> np.ndarray | None:
    """`g @ weight`, or None where that is for BLAS.

    Arguments:
        g: gradient of the product, [*lead, outputs].
        weight: [outputs, inputs].
    """
    outputs, inputs = weight.shape
    if not outputs or g.size // outputs < FEWEST_ROWS or not fits_dense(weight):
        return None
    flat, rows = (np.require(a, requirements=["C", "W"]) for a in (g, weight))
    found = dense_product(flat.reshape(-1, outputs), rows, np.empty(0, g.dtype))
    return found.reshape((*g.shape[:-1], inputs))


def weight_gradient(x: np.ndarray, g: np.ndarray) -> np.ndarray | None:
    """`g.T @ x`, or None where x is not rare.

    Each thread takes some outputs, so that the order of summation depends on nothing else.

    Arguments:
        x: [*lead, inputs].
        g: gradient of the product, [*lead, outputs].

    Returns: [outputs, inputs], a transposed view.
    """
    inputs, outputs = x.shape[-1], g.shape[-1]
    flat = np.require(x, requirements=["C", "W"]).reshape(-1, inputs)
    of_rows = np.require(g, requirements=["C", "W"]).reshape(-1, outputs)
    total = np.zeros((inputs, outputs), x.dtype)
    if not is_rare(flat, bound_of(total)):
        return None
    work = x.size + g.size * 8
    run_kernel(SOURCE, (flat, of_rows, total), outputs, work, (0, len(flat)))
    return total.T
