"""Convolutions of rare spikes: add the kernel's taps at each spike instead of sliding it."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.dynamics.ops import ConvGeometry
from nirx.execution.kernels.gather import FEWEST_ROWS, is_rare
from nirx.execution.kernels.running import run_kernel

__all__ = ["GatheredConv"]

SOURCE = """
def kernel(x, weight, y, sh, sw, ph, pw, dh, dw, groups, r0, r1):
    channels, height, width = x.shape[1], x.shape[2], x.shape[3]
    outputs, rows, columns = y.shape[1], y.shape[2], y.shape[3]
    kh, kw, per_group = weight.shape[1], weight.shape[2], weight.shape[3]
    total = np.empty((rows, columns, outputs), y.dtype)
    for r in range(r0, r1):
        total[:] = 0
        for c in range(channels):
            first = (c // (channels // groups)) * per_group
            for i in range(height):
                for j in range(width):
                    value = x[r, c, i, j]
                    if value == 0:
                        continue
                    for a in range(kh):
                        row = i + ph - a * dh
                        if row < 0 or row % sh or row // sh >= rows:
                            continue
                        for b in range(kw):
                            column = j + pw - b * dw
                            if column < 0 or column % sw or column // sw >= columns:
                                continue
                            into = total[row // sh, column // sw, first : first + per_group]
                            tap = weight[c, a, b]
                            for o in range(per_group):
                                into[o] += value * tap[o]
        for o in range(outputs):
            for i in range(rows):
                for j in range(columns):
                    y[r, o, i, j] = total[i, j, o]
"""


class GatheredConv:
    """A weight [C_out, C_in/groups, *kernel], for dense convolutions and for rare spikes.

    Arguments:
        dense: as the backend holds it.
        host: the same numbers as a NumPy array.
        rare: the density below which taps were measured to beat the backend's convolution.
    """

    def __init__(self, dense: Any, host: np.ndarray, geometry: ConvGeometry, rare: float):
        self.dense, self._host, self._geometry, self._rare = dense, host, geometry, rare
        self._taps: np.ndarray | None = None

    def product(self, x: np.ndarray) -> np.ndarray | None:
        """The convolution of x [samples, C_in, *space] in one or two axes, or None.

        It is None where x is dense, where it has few samples, and for a weight that is not finite,
        because 0 times infinity is not 0.
        """
        if len(x) < FEWEST_ROWS or not x.size or not is_rare(x.reshape(len(x), -1), self._rare):
            return None
        taps = self._as_taps()
        if taps is None:
            return None
        geometry = self._geometry
        missing = 2 - len(geometry.stride)  # a convolution over one axis has height 1
        shape = (*x.shape[:2], *(1,) * missing, *x.shape[2:])
        flat = np.require(x, requirements=["C", "W"]).reshape(shape)
        stride = (*(1,) * missing, *geometry.stride)
        dilation = (*(1,) * missing, *geometry.dilation)
        padding = (*((0, 0),) * missing, *geometry.padding)
        space = [
            (shape[2 + i] + sum(padding[i]) - dilation[i] * (taps.shape[1 + i] - 1) - 1)
            // stride[i]
            + 1
            for i in range(2)
        ]
        y = np.empty((len(x), self._host.shape[0], *space), x.dtype)
        numbers = *stride, padding[0][0], padding[1][0], *dilation, geometry.groups
        work = x.size + y.size * 4
        run_kernel(SOURCE, (flat, taps, y), len(x), work, numbers, "int64")
        return y.reshape((*y.shape[:2], *y.shape[2 + missing :]))

    def _as_taps(self) -> np.ndarray | None:
        """The weight as [C_in, height, width, C_out/groups], or None if it is not finite."""
        if self._taps is None:
            groups, own = self._geometry.groups, self._host
            kernel = (1,) * (4 - own.ndim) + own.shape[2:]
            parts = own.reshape((groups, -1, own.shape[1], *kernel))  # per group: out, in
            taps = np.moveaxis(parts, 1, -1).reshape((-1, *kernel, own.shape[0] // groups))
            self._taps = np.ascontiguousarray(taps)
        return self._taps if np.isfinite(self._host).all() else None
