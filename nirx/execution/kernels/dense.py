"""Dense products: four rows at a time, so that a row of the weight is read once for all four.

BLAS is no faster for the sizes of layers, and its threads wait actively after each product, which
slows down the kernels that follow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nirx.execution.kernels.printing import paired_sum
from nirx.execution.kernels.running import run_kernel

__all__ = ["LARGEST", "ROWS", "dense_product", "fits_dense", "multiplying"]

ROWS = 4
"""Rows that go together."""
LARGEST = 2**22
"""Bytes of a weight above which the blocks of BLAS were measured to be faster."""


def multiplying(
    element: Callable[[int, str], str], inputs: str, outputs: str, totals: list[str], weight: str
) -> list[str]:
    """Lines that multiply rows with a weight.

    Arguments:
        element: from the number of a row and the text of an input's number to the text of its
            value.
        inputs, outputs: how many there are.
        totals: per row the name of an array [outputs]. One array each, because a compiler does
            not see that two rows of one array share no element.
        weight: the text of output n of a row, with {} for the number of the input.
    """
    each = f"for n in range(np.uint64(0), np.uint64({outputs})):"
    rows = range(len(totals))
    lines = [f"whole = np.uint64({inputs}) - np.uint64({inputs}) % np.uint64(4)"]
    lines += [each, *(f"    {total}[n] = 0" for total in totals)]
    for letters, loop in (
        ("abcd", "for i in range(np.uint64(0), whole, np.uint64(4)):"),
        ("a", f"for i in range(whole, np.uint64({inputs})):"),
    ):
        lines.append(loop)
        for i, c in enumerate(letters):
            lines.append(f"    {c} = i + np.uint64({i})")
            lines += [f"    x{r}{c} = {element(r, c)}" for r in rows]
        lines.append(f"    {each}")
        lines += [f"        w{c} = {weight.format(c)}" for c in letters]
        for r, total in enumerate(totals):
            terms = [f"x{r}{c} * w{c}" for c in letters]
            lines.append(f"        {total}[n] += {paired_sum(terms)}")
    return lines


def _source() -> str:
    totals = [f"y{r}" for r in range(ROWS)]
    last = "x.shape[0] - 1"  # where rows are left over, the last one is computed again

    def element(row: int, k: str) -> str:
        return f"x[r{row}, {k}]"

    product = multiplying(element, "x.shape[1]", "y.shape[1]", totals, "weight[{}, n]")
    return "\n".join(
        [
            "def kernel(x, weight, bias, y, b0, b1):",
            *(f"    {total} = np.empty(y.shape[1], y.dtype)" for total in totals),
            "    for b in range(b0, b1):",
            *(
                f"        r{r} = min(b * np.uint64({ROWS}) + np.uint64({r}), np.uint64({last}))"
                for r in range(ROWS)
            ),
            *(f"        {line}" for line in product),
            "        if bias.shape[0]:",
            "            for n in range(y.shape[1]):",
            *(f"                y[r{r}, n] = y{r}[n] + bias[n]" for r in range(ROWS)),
            "        else:",
            "            for n in range(y.shape[1]):",
            *(f"                y[r{r}, n] = y{r}[n]" for r in range(ROWS)),
            "",
        ]
    )


SOURCE = _source()


def fits_dense(weight: np.ndarray) -> bool:
    """Whether a weight is small enough for `dense_product`."""
    return weight.nbytes <= LARGEST


def dense_product(x: np.ndarray, rows: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """`x @ rows + bias`.

    Each row is summed in the same order whatever rows there are beside it, so results depend
    neither on the batch nor on the number of threads.

    Arguments:
        x: [samples, inputs], contiguous.
        rows: [inputs, outputs], contiguous.
        bias: [outputs], or without elements for none.
    """
    y = np.empty((len(x), rows.shape[1]), x.dtype)
    run_kernel(SOURCE, (x, rows, bias, y), -(-len(x) // ROWS), x.size * rows.shape[1] // 16)
    return y
