"""`ProductRunner`: a Linear or Affine whose rare spikes go through one kernel, bias included."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from nirx.dynamics.base import Dynamics
from nirx.dynamics.ops import Array, Ops
from nirx.execution.kernels.dense import fits_dense
from nirx.execution.kernels.gather import FEWEST_ROWS, GatheredWeight, bias_row, gathering
from nirx.execution.kernels.printing import narrowing
from nirx.execution.kernels.runner import Host
from nirx.execution.kernels.running import run_kernel
from nirx.execution.kernels.sliced_product import sliced_product
from nirx.execution.numpy_slices import holds_spikes
from nirx.execution.reproducible import SMALLEST
from nirx.execution.runners import NativeRunner
from nirx.execution.sliced import Sliced, binary_factors, unscaling

__all__ = ["ProductRunner", "sliced_arrays"]


@lru_cache(maxsize=2)
def sliced_source(dtype: str) -> str:
    """The text of a reproducible product of 0 and 1.

    Its arguments are x; per slice the weight's rows [inputs, outputs] and a factor [1]; two
    factors and the finiteness of each output; the bias, or nothing; y; and a flag per row, which
    says that the row is not 0 and 1. Sums of slices are whole numbers in float64, exact in any
    order.
    """
    slices, bound = range(1 if dtype == "float32" else 2), repr(SMALLEST[dtype])
    total = " + ".join(f"a{i}[n] * z{i}[0]" for i in slices)
    narrowed = narrowing(total, ("p0[n]", "p1[n]"), "finite[n]", bound)
    names = ", ".join([*(f"w{i}" for i in slices), *(f"z{i}" for i in slices)])
    sums = {f"a{i}[n]": f"w{i}[{{}}, n]" for i in slices}
    summed = gathering("x[r, {}]", "x.shape[1]", "y.shape[1]", sums, "flag[r]")
    text = [f"F = np.{dtype}", f"def kernel(x, {names}, p0, p1, finite, bias, y, flag, r0, r1):"]
    text += [f"    a{i} = np.empty(y.shape[1], np.float64)" for i in slices]
    text += [
        "    index = np.empty(x.shape[1], np.uint64)",
        "    for r in range(r0, r1):",
        *(f"        {line}" for line in summed),
        "        for n in range(y.shape[1]):",
        *(f"            {line}" for line in narrowed),
        "            y[r, n] = F(d)",
        "        if bias.shape[0]:",
        "            for n in range(y.shape[1]):",
        "                v = y[r, n] + bias[n]",
        f"                y[r, n] = F(0) if abs(v) < F({bound}) else v",
        "",
    ]
    return "\n".join(text)


def sliced_arrays(sliced: Sliced, ops: Any, host: Host) -> list[np.ndarray] | None:
    """What a kernel reads of a reproducible weight, or None where it cannot be lent.

    Returns: per slice the weight's rows [inputs, outputs] and a factor [1], then two factors that
    undo the scaling, and whether the row is finite, each [outputs].
    """
    rows = [part.rows() if isinstance(part, GatheredWeight) else None for part in sliced.whole]
    lent = host.arrays([*unscaling(ops.kernel, 1.0, sliced), sliced.finite[..., 0]])
    if lent is None or not rows or any(own is None for own in rows):
        return None
    scales = [np.array([f]) for f in binary_factors(len(sliced.parts), sliced.bits)]
    return [*rows, *scales, *(np.array(a, np.float64) for a in lent)]  # type: ignore[list-item]


class ProductRunner(NativeRunner):
    """Runs chunks of rare spikes in a kernel, all else as `NativeRunner` does."""

    def __init__(self, dynamics: Dynamics, parameters: Mapping[str, Array], host: Host):
        super().__init__(dynamics, parameters)
        self.host = host

    def chunk(
        self, ops: Ops, c: Any, xs: Array, state: Any, record: tuple[str, ...]
    ) -> tuple[Array, Any, dict[str, Array]]:
        y = self.gathered(ops, c, xs, self.host) if self.host.stands_for(ops) else None
        if y is None:
            return super().chunk(ops, c, xs, state, record)
        return self.host.result(y), {}, {}

    def gathered(self, ops: Any, c: Any, xs: Array, host: Host) -> np.ndarray | None:
        """The result where a kernel computes it, else None."""
        prepared = c["weight"]
        given = [xs, *([c["bias"]] if "bias" in c else [])]
        if isinstance(prepared, GatheredWeight):
            lent = host.arrays(given)
            return None if lent is None else prepared.product(*lent)
        if not (isinstance(prepared, tuple) and isinstance(prepared[1], Sliced)):
            return None
        weight, sliced = prepared
        if not all(isinstance(part, GatheredWeight) for part in sliced.whole):
            return None  # a convolution, or a weight with further axes
        # The weight itself is lent too: where it needs a gradient, there is no kernel.
        lent = host.arrays([*given, weight])
        if lent is None:
            return None
        x, *bias = lent[: len(given)]
        own = bias_row(bias[0] if bias else None, self.dynamics.output_shape[0], x.dtype)
        y = self._of_spikes(ops, x, sliced, own, host)
        return self._of_numbers(x, sliced, own, host) if y is None else y

    def _of_spikes(
        self, ops: Any, x: np.ndarray, sliced: Sliced, bias: np.ndarray, host: Host
    ) -> np.ndarray | None:
        """The product with rare spikes, or None where x is something else."""
        of_weight = sliced_arrays(sliced, ops, host) if sliced.whole[0].is_rare(x) else None
        if of_weight is None:
            return None
        flat = np.require(x, requirements=["C", "W"]).reshape(-1, x.shape[-1])
        y = np.empty((len(flat), *self.dynamics.output_shape), x.dtype)
        flag = np.zeros(len(flat), np.uint8)
        arrays = [flat, *of_weight, bias, y, flag]
        run_kernel(sliced_source(x.dtype.name), arrays, len(flat), flat.size + y.size * 8)
        return None if flag.any() else y.reshape((*x.shape[:-1], -1))

    def _of_numbers(
        self, x: np.ndarray, sliced: Sliced, bias: np.ndarray, host: Host
    ) -> np.ndarray | None:
        """The product with any numbers; None where x holds 0 and 1, which have a shorter way, where
        it is small, and where the weight is large."""
        lent = host.arrays([*sliced.parts, sliced.exponent[..., 0], sliced.finite[..., 0]])
        if lent is None:
            return None
        *parts, exponent, finite = lent
        few = not parts[0].size or x.size < x.shape[-1] * FEWEST_ROWS
        if few or not fits_dense(parts[0]) or holds_spikes(x):
            return None
        flat = np.require(x, requirements=["C", "W"]).reshape(-1, x.shape[-1])
        y = sliced_product(flat, parts, exponent, finite, sliced.bits, bias)
        return y.reshape((*x.shape[:-1], -1))
