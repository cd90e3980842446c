"""The sliced dot product: one defined result on any BLAS, in any order of summation.

Each row of an operand is scaled by a power of two and cut into slices of small integers.
Products of slices add up to integers of at most 2**53, which float64 holds exactly, so
the order of summation cannot matter; the few roundings that remain are spelled out here.

**Source**: the error-free splitting of Ozaki, Ogita, Oishi & Rump 2012, with the result
defined as what the slices give. docs/reproducibility.md has the error bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from nirx.dynamics.ops import Array

__all__ = [
    "SLICES",
    "SliceKernel",
    "Sliced",
    "binary_factors",
    "binary_product",
    "cut",
    "dot",
    "scaling",
    "slice_bits",
    "sliced_product",
    "unscaling",
]

SLICES = {"float32": 2, "float64": 3}


class SliceKernel(Protocol):
    """The operations that slicing needs from a backend. All arrays are float64."""

    def max_abs(self, x: Array, axes: tuple[int, ...]) -> Array:
        """Largest magnitude along axes, which keep length 1; NaN if any element is NaN."""
        ...

    def exponent(self, m: Array) -> Array:
        """For finite m > 0 the integer e with m < 2**e <= 2*m, from the bits; 0 for m = 0."""
        ...

    def power(self, n: Array) -> Array:
        """2**n for integers -1022 <= n <= 1023, built from bits."""
        ...

    def rint(self, x: Array) -> Array: ...

    def finite(self, m: Array) -> Array:
        """A boolean mask."""
        ...

    def where(self, mask: Array, a: Any, b: Any) -> Array: ...


@dataclass(frozen=True)
class Sliced:
    """An operand in slices.

    Arguments:
        parts: integers q1, q2 (and q3), the operand's shape.
        exponent: e per row, integers; the axes of the sum have length 1.
        finite: per row, whether all its elements are.
        bits: p.
        whole: of a weight: `merged()`, as `product` takes it.
        low: the last two slices as one, where that is known.
    """

    parts: tuple[Array, ...]
    exponent: Array
    finite: Array
    bits: int
    whole: tuple[Any, ...] = ()
    low: Array | None = None

    def merged(self) -> tuple[Array, ...]:
        """The last two slices as one integer q*2**p + q', for products with 0 and 1."""
        *first, high, last = self.parts
        low = high * 2.0**self.bits + last if self.low is None else self.low
        return (*first, low)


def slice_bits(length: int) -> int:
    """p = floor((53 - ceil(log2 K)) / 2) for sums of K products."""
    return (53 - (max(length, 1) - 1).bit_length()) // 2


def scaling(
    kernel: SliceKernel, largest: Array, bits: int
) -> tuple[Array, Array, tuple[Array, Array]]:
    """How rows are scaled before they are cut.

    Arguments:
        largest: magnitude of each row, in float64; not finite where one number is not.
        bits: p, from `slice_bits`.

    Returns: per row whether it is finite, its exponent e, and two factors of 2**(p-e).
    """
    finite = kernel.finite(largest)
    exponent = kernel.exponent(kernel.where(finite, largest, 0.0))
    return finite, exponent, _power(kernel, bits - exponent)


def _power(kernel: SliceKernel, shift: Array) -> tuple[Array, Array]:
    """2**shift in two factors: for float64 operands it may exceed what one can hold."""
    half = kernel.rint(shift * 0.5)
    return kernel.power(half), kernel.power(shift - half)


def cut(kernel: SliceKernel, x: Array, axes: tuple[int, ...], bits: int, count: int) -> Sliced:
    """Slice an operand.

    Arguments:
        x: float64 array; every element is 0 or large enough to be normal.
        axes: that the sum runs over, or more (one scale for a whole sample).
        bits: p, from `slice_bits`.
        count: number of slices.
    """
    finite, exponent, (up, more) = scaling(kernel, kernel.max_abs(x, axes), bits)
    rest = kernel.where(finite, x, 0.0) * up * more
    parts = []
    for _ in range(count):
        part = kernel.rint(rest)
        parts.append(part)
        rest = (rest - part) * 2.0**bits
    return Sliced(tuple(parts), exponent, finite, bits)


def sliced_product(x: Sliced, w: Sliced, product: Callable[[Array, Array], Array]) -> Array:
    """The sum of the products of slices, still scaled by 2**(2p - ex - ew).

    Two slices: S11 + (S12 + S21)*2**-p.
    Three: S11 + ((S12 + S21)*2**-p + ((S22 + S13) + S31)*2**-2p).
    """
    scale = 2.0**-x.bits
    if len(x.parts) == 2:
        (x1, x2), (w1, w2) = x.parts, w.parts
        return product(x1, w1) + (product(x1, w2) + product(x2, w1)) * scale
    (x1, x2, x3), (w1, w2, w3) = x.parts, w.parts
    second = (product(x1, w2) + product(x2, w1)) * scale
    third = (product(x2, w2) + product(x1, w3)) + product(x3, w1)
    return product(x1, w1) + (second + third * scale**2)


def binary_product(x: Array, w: Sliced, product: Callable[[Array, Array], Array]) -> Array:
    """`sliced_product` for an x of zeros and ones, with half the products and the same bits.

    Such an x has e = 1 and the single slice x*2**(p-1), so its other products vanish. Two
    neighbouring slices of w then fit into one exact sum.
    """
    parts = zip(w.whole or w.merged(), binary_factors(len(w.parts), w.bits), strict=True)
    totals = [product(x, part) * factor for part, factor in parts]
    return totals[0] if len(totals) == 1 else totals[0] + totals[1]


def binary_factors(slices: int, bits: int) -> tuple[float, ...]:
    """The factors of the products with the parts of `Sliced.merged`."""
    half = 2.0 ** (bits - 1)
    return (half * 2.0**-bits,) if slices == 2 else (half, half * 2.0 ** (-2 * bits))


def unscaling(kernel: SliceKernel, exponent: Any, w: Sliced) -> tuple[Array, Array]:
    """2**(ex + ew - 2p) in two factors, neither of which overflows.

    Arguments:
        exponent: ex, of the other operand; 1.0 if that is binary.
    """
    return _power(kernel, (exponent + w.exponent[..., 0]) - 2.0 * w.bits)


def dot(
    kernel: SliceKernel,
    x: Array,
    w: Sliced,
    axes: tuple[int, ...],
    product: Callable[[Array, Array], Array],
    binary: bool,
) -> Array:
    """The sliced dot product (or convolution) in float64, not yet narrowed to the run's dtype.

    Arguments:
        x: float64 [*lead, *summed, ...].
        w: the weight's slices; its exponents, less their last axis, broadcast to the result.
        axes: of x, that share one scale.
        product: the plain product of two integer operands.
        binary: whether x holds nothing but 0 and 1.
    """
    if binary:
        total, exponent, finite = binary_product(x, w, product), 1.0, None
    else:
        own = cut(kernel, x, axes, w.bits, len(w.parts))
        total, exponent, finite = sliced_product(own, w, product), own.exponent, own.finite
    first, second = unscaling(kernel, exponent, w)
    scaled = total * first * second
    # NaN where either row is not finite.
    scaled = kernel.where(w.finite[..., 0], scaled, float("nan"))
    return scaled if finite is None else kernel.where(finite, scaled, float("nan"))
