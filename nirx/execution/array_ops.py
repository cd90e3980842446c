"""`ArrayOps`: the part of `Ops` that every array library with NumPy's names spells alike."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nirx.dynamics.ops import Array, ConvGeometry, Shape
from nirx.dynamics.surrogate_formulas import Surrogate

__all__ = ["ArrayOps", "Step"]

Step = Callable[[Any, list[Array]], tuple[Any, list[Array]]]
"""(carry, arrays) -> (carry, arrays): the body of a scan."""


class ArrayOps:
    """`nirx.dynamics.ops.Ops` over an array namespace, without gradients or compilation.

    A backend sets `xp`, adds `accept`, `constant`, `zeros`, `cast` and `convolve`, and
    overrides what its library does differently.
    """

    xp: Any
    """The namespace: `numpy`, `torch`, `jax.numpy`."""

    detach_reset = False
    surrogate: Any = None
    """None where there are no gradients."""
    _others: dict[Surrogate, Any]
    """The same operations with other surrogates; where there is one."""

    def accept(self, value: Any, where: str) -> Array:
        raise NotImplementedError

    def lend(self, array: Array) -> np.ndarray | None:
        """Its memory as a NumPy array, not copied; None where it has none on the host."""
        return None

    def constant(self, value: Any) -> Array:
        raise NotImplementedError

    def zeros(self, shape: Shape) -> Array:
        raise NotImplementedError

    def cast(self, array: Array) -> Array:
        """An array of any dtype in the run's dtype."""
        raise NotImplementedError

    def convolve(self, x: Array, weight: Array, geometry: ConvGeometry) -> Array:
        """`conv` with exactly one leading axis."""
        raise NotImplementedError

    def use(self, value: Array) -> Array:
        return value

    def add(self, a: Array, b: Array) -> Array:
        return self.xp.add(a, b)

    def sub(self, a: Array, b: Array) -> Array:
        return self.xp.subtract(a, b)

    def mul(self, a: Array, b: Array) -> Array:
        return self.xp.multiply(a, b)

    def div(self, a: Array, b: Array) -> Array:
        return self.xp.divide(a, b)

    def power(self, a: Array, b: Array) -> Array:
        return self.xp.pow(a, b)

    def floor(self, a: Array) -> Array:
        return self.xp.floor(a)

    def abs(self, a: Array) -> Array:
        return self.xp.abs(a)

    def exp(self, a: Array) -> Array:
        return self.xp.exp(a)

    def log(self, a: Array) -> Array:
        return self.xp.log(a)

    def sqrt(self, a: Array) -> Array:
        return self.xp.sqrt(a)

    def tanh(self, a: Array) -> Array:
        return self.xp.tanh(a)

    def greater(self, a: Array, b: Array) -> Array:
        return self.cast(self.xp.greater(a, b))

    def greater_equal(self, a: Array, b: Array) -> Array:
        return self.cast(self.xp.greater_equal(a, b))

    def select(self, mask: Array, a: Array, b: Array) -> Array:
        return self.xp.where(mask != 0, a, b)

    def with_surrogate(self, spikes: Array, v: Array, threshold: Array) -> Array:
        return spikes

    def using(self, surrogate: Surrogate) -> Any:
        if self.surrogate is None or surrogate is self.surrogate:
            return self
        if surrogate not in self._others:  # made once per run, not in every step
            self._others[surrogate] = own = copy.copy(self)
            own.surrogate = surrogate
        return self._others[surrogate]

    def stop_gradient(self, a: Array) -> Array:
        return a

    def copy(self, a: Array) -> Array:
        return a

    def seal(self, a: Array) -> Array:
        return a

    def whole(self, a: Array) -> Array:
        return a.astype("int64")

    def prepare_linear(self, weight: Array) -> Any:
        return weight

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        if prepared.ndim == 2:
            return self.xp.matmul(x, prepared.T)
        return self.xp.matmul(prepared, x[..., None])[..., 0]

    def prepare_conv(self, weight: Array, geometry: ConvGeometry) -> Any:
        return weight

    def conv(self, x: Array, prepared: Any, geometry: ConvGeometry, binary: bool) -> Array:
        lead = x.shape[: x.ndim - 1 - len(geometry.stride)]
        y = self.convolve(x.reshape((-1, *x.shape[len(lead) :])), prepared, geometry)
        return y.reshape((*lead, *y.shape[1:]))

    def pad(self, x: Array, padding: Sequence[tuple[int, int]]) -> Array:
        return self.xp.pad(x, [(0, 0)] * (x.ndim - len(padding)) + [tuple(p) for p in padding])

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        return self.xp.concatenate(list(arrays))

    def moveaxis(self, x: Array, source: int, destination: int) -> Array:
        return self.xp.moveaxis(x, source, destination)

    def take_along_time(self, x: Array, index: Any) -> Array:
        return self.xp.take_along_axis(x, self.xp.asarray(index), axis=0)

    def rows(self, x: Array) -> Sequence[Array]:
        """The elements of the first axis, to be indexed in a loop."""
        return x

    def scan(self, step: Step, carry: Any, xs: list[Array], length: int) -> tuple[Any, list[Array]]:
        outs = []
        columns = [self.rows(x) for x in xs]
        for t in range(length):
            carry, out = step(carry, [x[t] for x in columns])
            outs.append(out)
        return carry, [self.xp.stack(column) for column in zip(*outs, strict=True)]

    def checkpoint(self, body: Step) -> Step:
        return body

    def scan_chunks(
        self, body: Step, carry: Any, xs: list[Array], length: int, chunk: int
    ) -> tuple[Any, list[Array]]:
        if length <= chunk:
            return body(carry, xs)
        outs = []
        for start in range(0, length, chunk):
            carry, out = body(carry, [x[start : start + chunk] for x in xs])
            outs.append(out)
        return carry, [self.concatenate(column) for column in zip(*outs, strict=True)]
