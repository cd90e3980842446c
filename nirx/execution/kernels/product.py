"""`ProductRunner`: a Linear or Affine whose rare spikes go through one kernel, bias included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nirx.dynamics.base import Dynamics
from nirx.dynamics.ops import Array, Ops
from nirx.execution.kernels.compiled import array_type, compile_kernel
from nirx.execution.kernels.gather import GATHERING, GatheredWeight, bias_row
from nirx.execution.kernels.runner import Host
from nirx.execution.kernels.threads import split
from nirx.execution.reproducible import SMALLEST
from nirx.execution.runners import NativeRunner
from nirx.execution.sliced import Sliced, binary_factors, unscaling

__all__ = ["ProductRunner"]


def sliced_source(dtype: str) -> str:
    """The text of a reproducible product of 0 and 1.

    Its arguments are x; per slice the weight's rows [inputs, outputs] and a factor [1]; two
    factors and the finiteness of each output; the bias, or nothing; y; and a flag per row, which
    says that the row is not 0 and 1. Sums of slices are whole numbers in float64, exact in any
    order; the rest follows `nirx.execution.sliced.dot` and `Reproducible`.
    """
    slices, bound = range(1 if dtype == "float32" else 2), repr(SMALLEST[dtype])
    names = ", ".join([*(f"w{i}" for i in slices), *(f"z{i}" for i in slices)])
    text = [f"F = np.{dtype}", f"def kernel(x, {names}, p0, p1, finite, bias, y, flag, r0, r1):"]
    text += [f"    a{i} = np.empty(y.shape[1], np.float64)" for i in slices]
    text += [GATHERING.strip("\n"), "        for n in range(y.shape[1]):"]
    text += [f"            a{i}[n] = 0" for i in slices]
    text += [
        "        for i in range(np.uint64(0), whole, np.uint64(4)):",
        "            a, b = index[i], index[i + np.uint64(1)]",
        "            c, d = index[i + np.uint64(2)], index[i + np.uint64(3)]",
        "            if x[r, a] != 1 or x[r, b] != 1 or x[r, c] != 1 or x[r, d] != 1:",
        "                flag[r] = 1",
        "            for n in range(y.shape[1]):",
        *(
            f"                a{i}[n] += (w{i}[a, n] + w{i}[b, n]) + (w{i}[c, n] + w{i}[d, n])"
            for i in slices
        ),
        "        for i in range(whole, count):",
        "            a = index[i]",
        "            if x[r, a] != 1:",
        "                flag[r] = 1",
        "            for n in range(y.shape[1]):",
        *(f"                a{i}[n] += w{i}[a, n]" for i in slices),
        "        for n in range(y.shape[1]):",
        f"            s = {' + '.join(f'a{i}[n] * z{i}[0]' for i in slices)}",
        "            s = s * p0[n] * p1[n]",
        "            s = s if finite[n] != 0 else np.nan",
        f"            s = 0.0 if abs(s) < {bound} else s",
        "            y[r, n] = F(s)",
        "        if bias.shape[0]:",
        "            for n in range(y.shape[1]):",
        "                v = y[r, n] + bias[n]",
        f"                y[r, n] = F(0) if abs(v) < F({bound}) else v",
        "",
    ]
    return "\n".join(text)


class ProductRunner(NativeRunner):
    """Runs chunks of rare spikes in a kernel, all else as `NativeRunner` does."""

    def __init__(self, dynamics: Dynamics, parameters: Mapping[str, Array], host: Host):
        super().__init__(dynamics, parameters)
        self.host = host

    def chunk(
        self, ops: Ops, c: Any, xs: Array, state: Any, record: tuple[str, ...]
    ) -> tuple[Array, Any, dict[str, Array]]:
        y = self._gathered(ops, c, xs) if self.host.stands_for(ops) else None
        if y is None:
            return super().chunk(ops, c, xs, state, record)
        return self.host.result(y), {}, {}

    def _gathered(self, ops: Any, c: Any, xs: Array) -> np.ndarray | None:
        prepared = c["weight"]
        given = [xs, *([c["bias"]] if "bias" in c else [])]
        if isinstance(prepared, GatheredWeight):
            lent = self.host.arrays(given)
            return None if lent is None else prepared.product(*lent)
        if not (isinstance(prepared, tuple) and isinstance(prepared[1], Sliced)):
            return None
        weight, sliced = prepared
        parts = sliced.whole
        if not all(isinstance(part, GatheredWeight) for part in parts):
            return None
        # The weight itself is lent too: where it needs a gradient, there is no kernel.
        factors = unscaling(ops.kernel, 1.0, sliced)
        lent = self.host.arrays([*given, weight, *factors, sliced.finite[..., 0]])
        if lent is None or not parts[0].is_rare(lent[0]):
            return None
        x, *bias = lent[: len(given)]
        p0, p1, finite = (np.array(a, np.float64) for a in lent[-3:])
        scales = [np.array([f]) for f in binary_factors(len(sliced.parts), sliced.bits)]
        flat = np.require(x, requirements=["C", "W"]).reshape(-1, x.shape[-1])
        y = np.empty((len(flat), len(p0)), x.dtype)
        flag = np.zeros(len(flat), np.uint8)
        own = bias_row(bias[0] if bias else None, len(p0), x.dtype)
        arrays = [flat, *(part.rows() for part in parts), *scales, p0, p1, finite, own, y, flag]
        source = sliced_source(x.dtype.name)
        kernel = compile_kernel(source, (*map(array_type, arrays), "uint64", "uint64"))
        split(lambda a, b: kernel(*arrays, a, b), len(flat), flat.size + y.size * 8)
        return None if flag.any() else y.reshape((*x.shape[:-1], len(p0)))
