"""`Ops`: the array operations that a backend implements.

The dynamics (`nirx.dynamics`) and the executor (`nirx.execution.execute`) use this protocol and
nothing else, so behaviour is written once. An array is whatever the backend calls an array; nirx
also uses its `.shape`, `.ndim`, `.reshape` and basic indexing, which the array libraries share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

__all__ = ["Array", "ConvGeometry", "Ops", "Shape"]

Array = Any
"""An array of the backend, in the run's dtype."""

Shape = tuple[int, ...]

Carry = TypeVar("Carry")


@dataclass(frozen=True)
class ConvGeometry:
    """Static geometry of a convolution over one or two axes; one entry per axis.

    Arguments:
        stride, dilation: steps between outputs and between kernel elements.
        padding: number of zeros (before, after) on each axis.
        groups: number of channel groups.
    """

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int


class Ops(Protocol):
    """Elementwise operations broadcast as in NumPy; masks are 0 or 1, in the run's dtype."""

    detach_reset: bool
    """Whether gradients stop at the reset (see `select`)."""

    def accept(self, value: Any, where: str) -> Array:
        """A caller's array in the run's dtype; bool and integers are cast.

        **Raises**: `InputError` for another floating dtype; its text starts with `where`.
        """
        ...

    def constant(self, value: Any) -> Array:
        """A Python number or NumPy array as an array of the run's dtype."""
        ...

    def zeros(self, shape: Shape) -> Array:
        """+0 everywhere, in the run's dtype."""
        ...

    def lend(self, array: Array) -> Any:
        """Its memory as a NumPy array, not copied; None where it has none on the host."""
        ...

    def use(self, value: Array) -> Array:
        """An input, parameter or passed-in state, prepared for the arithmetic of this mode."""
        ...

    def add(self, a: Array, b: Array) -> Array:
        """a + b, rounded once."""
        ...

    def sub(self, a: Array, b: Array) -> Array:
        """a - b, rounded once."""
        ...

    def mul(self, a: Array, b: Array) -> Array:
        """a * b, rounded once."""
        ...

    def div(self, a: Array, b: Array) -> Array:
        """One IEEE division per element. NIR's own types use it for coefficients only."""
        ...

    def power(self, a: Array, b: Array) -> Array:
        """a ** b, as the library rounds it. Reproducible mode refuses it."""
        ...

    def floor(self, a: Array) -> Array:
        """The largest integer that is not above a."""
        ...

    def abs(self, a: Array) -> Array:
        """The magnitude of a."""
        ...

    def exp(self, a: Array) -> Array:
        """E ** a, as the library rounds it; in reproducible mode by `nirx.dynamics.functions`."""
        ...

    def log(self, a: Array) -> Array:
        """The natural logarithm, as the library rounds it. Reproducible mode refuses it."""
        ...

    def sqrt(self, a: Array) -> Array:
        """The square root, rounded once."""
        ...

    def tanh(self, a: Array) -> Array:
        """The hyperbolic tangent, as the library rounds it; in reproducible mode like `exp`."""
        ...

    def greater(self, a: Array, b: Array) -> Array:
        """1 where a > b, else 0 (also if either is NaN); no gradient."""
        ...

    def greater_equal(self, a: Array, b: Array) -> Array:
        """1 where a >= b, else 0 (also if either is NaN); no gradient."""
        ...

    def select(self, mask: Array, a: Array, b: Array) -> Array:
        """`a` where mask is not 0, else `b`. The gradient with respect to the mask is (a - b)."""
        ...

    def with_surrogate(self, spikes: Array, v: Array, threshold: Array) -> Array:
        """`spikes`, with the surrogate's gradient with respect to v - threshold."""
        ...

    def using(self, surrogate: Callable[[Any], Any]) -> Ops:
        """The same operations with a node's own surrogate."""
        ...

    def stop_gradient(self, a: Array) -> Array:
        """The same values, detached from the gradient."""
        ...

    def copy(self, a: Array) -> Array:
        """The same values in new memory, if arrays are mutable."""
        ...

    def seal(self, a: Array) -> Array:
        """The same values behind a fusion barrier, for backends that compile."""
        ...

    def whole(self, a: Array) -> Array:
        """Whole numbers as int64: what networks in integers return."""
        ...

    def prepare_linear(self, weight: Array) -> Any:
        """The form of a weight that `linear` takes, computed once per run."""
        ...

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        """sum_i weight[..., o, i] * x[..., i].

        Arguments:
            x: [*lead, *batched, in].
            prepared: what `prepare_linear` returned for a weight [*batched, out, in].
            binary: whether x is known to contain only 0 and 1, which a kernel may exploit.

        Returns: [*lead, *batched, out].
        """
        ...

    def prepare_conv(self, weight: Array, geometry: ConvGeometry) -> Any:
        """The form of a weight that `conv` takes, computed once per run."""
        ...

    def conv(self, x: Array, prepared: Any, geometry: ConvGeometry, binary: bool) -> Array:
        """Cross-correlation: x [*lead, C_in, *space], weight [C_out, C_in/groups, *kernel]."""
        ...

    def pad(self, x: Array, padding: Sequence[tuple[int, int]]) -> Array:
        """Pad the last `len(padding)` axes with zeros (before, after)."""
        ...

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        """Concatenate along the first axis."""
        ...

    def moveaxis(self, x: Array, source: int, destination: int) -> Array:
        """Move one axis, as `numpy.moveaxis` does."""
        ...

    def take_along_time(self, x: Array, index: Any) -> Array:
        """x[index[t, ..., e], ..., e]; index: NumPy integers with the rank of x, time first."""
        ...

    def scan(
        self,
        step: Callable[[Carry, list[Array]], tuple[Carry, list[Array]]],
        carry: Carry,
        xs: list[Array],
        length: int,
    ) -> tuple[Carry, list[Array]]:
        """Run `step` over the first axis of every array in `xs` and stack its outputs."""
        ...

    def checkpoint(
        self, body: Callable[[Carry, list[Array]], tuple[Carry, list[Array]]]
    ) -> Callable[[Carry, list[Array]], tuple[Carry, list[Array]]]:
        """The same body; a gradient keeps its arguments and recomputes what is inside."""
        ...

    def scan_chunks(
        self,
        body: Callable[[Carry, list[Array]], tuple[Carry, list[Array]]],
        carry: Carry,
        xs: list[Array],
        length: int,
        chunk: int,
    ) -> tuple[Carry, list[Array]]:
        """Run `body` over slices of `chunk` steps (the last may be shorter); join its outputs."""
        ...
