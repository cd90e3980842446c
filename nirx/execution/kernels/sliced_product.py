"""A reproducible product of any numbers in one kernel: cut into slices, multiply, put together.

It follows `nirx.execution.sliced` operation by operation; sums of products of slices are whole
numbers in float64, exact in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nirx.execution.kernels.cutting import cutting, row_scales
from nirx.execution.kernels.dense import ROWS, multiplying
from nirx.execution.kernels.printing import narrowing
from nirx.execution.kernels.running import run_kernel
from nirx.execution.numpy_slices import NumpyKernel
from nirx.execution.reproducible import SMALLEST
from nirx.execution.sliced import SLICES

__all__ = ["sliced_product"]

PAIRS = {2: ("00", "01", "10"), 3: ("00", "01", "10", "11", "02", "20")}
"""The products of slices that count, by the number of slices: of the input, of the weight."""
TOTALS = {
    2: "{00} + ({01} + {10}) * scale",
    3: "{00} + (({01} + {10}) * scale + (({11} + {02}) + {20}) * scale2)",
}
"""See `nirx.execution.sliced.sliced_product`."""


@lru_cache(maxsize=64)
def _source(dtype: str, bits: int) -> str:
    """The text of the kernel.

    Its arguments are x; per slice the weight's rows [inputs, outputs]; the weight's exponent and
    finiteness [outputs]; two factors that scale a row, its exponent and its finiteness [rows]; the
    powers of two from -1022; the bias, or nothing; y; and the range of blocks of rows.
    """
    count = SLICES[dtype]
    rows, slices = range(ROWS), range(count)
    weights = ", ".join(f"w{i}" for i in slices)
    lines = [f"F = np.{dtype}", f"scale, scale2 = {2.0**-bits!r}, {(2.0**-bits) ** 2!r}"]
    lines.append(f"def kernel(x, {weights}, ew, fw, up, more, ex, fx, powers, bias, y, b0, b1):")
    lines += [f"    q{i}_{r} = np.empty(x.shape[1], np.float64)" for i in slices for r in rows]
    lines += [
        f"    s{p}_{r} = np.empty(y.shape[1], np.float64)" for p in PAIRS[count] for r in rows
    ]
    lines.append("    for block in range(b0, b1):")
    own = []
    for r in rows:  # where rows are left over, the last one is computed again
        place = f"block * np.uint64({ROWS}) + np.uint64({r})"
        own.append(f"r{r} = min({place}, np.uint64(x.shape[0] - 1))")
        own.append("for k in range(x.shape[1]):")
        lines_of_one = cutting(f"x[r{r}, k]", f"r{r}", [f"q{i}_{r}[k]" for i in slices], bits)
        own += [f"    {line}" for line in lines_of_one]
    for pair in PAIRS[count]:
        of_x, of_w = pair

        def element(row: int, k: str, of_x: str = of_x) -> str:
            return f"q{of_x}_{row}[{k}]"

        sums = [f"s{pair}_{r}" for r in rows]
        own += multiplying(element, "x.shape[1]", "y.shape[1]", sums, f"w{of_w}[{{}}, n]")
    bound = repr(SMALLEST[dtype])
    for r in rows:
        total = TOTALS[count]
        for pair in PAIRS[count]:
            total = total.replace("{" + pair + "}", f"s{pair}_{r}[n]")
        own.append("for n in range(y.shape[1]):")
        own += [
            f"    shift = (ex[r{r}] + ew[n]) - {2.0 * bits!r}",
            "    half = np.rint(shift * 0.5)",
            "    first = powers[np.int64(half) + 1022]",
            "    second = powers[np.int64(shift - half) + 1022]",
            f"    finite = fw[n] * fx[r{r}]",
            *(f"    {line}" for line in narrowing(total, ("first", "second"), "finite", bound)),
            "    v = F(d)",
            "    if bias.shape[0]:",
            "        v = v + bias[n]",
            f"        v = F(0) if abs(v) < F({bound}) else v",
            f"    y[r{r}, n] = v",
        ]
    return "\n".join([*lines, *(f"        {line}" for line in own), ""])


def sliced_product(
    x: np.ndarray,
    parts: Sequence[np.ndarray],
    exponent: np.ndarray,
    finite: np.ndarray,
    bits: int,
    bias: np.ndarray,
) -> np.ndarray:
    """`x @ weight.T + bias` in reproducible mode.

    Arguments:
        x: [rows, inputs], contiguous.
        parts: the weight's slices, [outputs, inputs].
        exponent, finite: of its rows, [outputs].
        bits: of a slice.
        bias: [outputs], or without elements for none.
    """
    scales = row_scales(x, bits)
    y = np.empty((len(x), len(exponent)), x.dtype)
    arrays = [
        x,
        *(np.ascontiguousarray(part.T) for part in parts),
        np.array(exponent, np.float64),
        np.array(finite, np.float64),
        scales.up,
        scales.more,
        scales.exponent,
        scales.finite,
        NumpyKernel().power(np.arange(-1022.0, 1024.0)),
        bias,
        y,
    ]
    work = x.size * len(exponent) // 4
    run_kernel(_source(x.dtype.name, bits), arrays, -(-len(x) // ROWS), work)
    return y
