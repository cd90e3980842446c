"""`lax.scan` over time, written so that XLA computes it well.

With many rows, a gradient computes all but the products of a step again: that is faster than
writing what the step found and reading it.

With a few rows, a loop as it is written is slow twice. XLA fuses the transposition of a weight, and
the neuron that spikes, into the product, and so computes both again for each number of the result:
here weights are transposed before the loop. And a gradient adds up that of each weight step by
step: it reads and writes an array of the weight's size for a product of a few rows. Here a step
hands out what each product multiplies, and each product takes a further summand that is zero. The
gradient of that summand, of all steps, times what was multiplied, is the gradient of the weight:
one product after the loop.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero, zero_from_primal

from nirx.dynamics.ops import Array
from nirx.execution.array_ops import Step

__all__ = ["product", "scan", "without_products"]

MOST_ROWS = 16
"""Rows of a step's products above which the loop is left as it is: writing out what is multiplied
takes longer than adding up the gradients of weights."""

WORTH_TRANSPOSING = 2**15
"""Numbers of a weight that multiplies one row, above which a product of its own is faster than one
that is fused. With more rows nothing is fused, and it always is."""

WORTH_RECOMPUTING = 2**15
"""Bytes of one value of a step above which a gradient computes it again faster than it reads what
the step left in memory."""


class _Seen:
    """What the products of a step are, in the order in which they are traced."""

    def __init__(self):
        self.weights: list[Array] = []
        self.outputs: list[jax.ShapeDtypeStruct] = []

    def product(self, x: Array, weight: Array) -> Array:
        y = jnp.matmul(x, weight.T)
        self.weights.append(weight)
        self.outputs.append(jax.ShapeDtypeStruct(y.shape, y.dtype))
        return y

    @property
    def rows(self) -> int:
        """Of the product that has most."""
        return max((math.prod(y.shape[:-1]) for y in self.outputs), default=0)


@jax.custom_jvp
def _noted(x: Array) -> Array:
    """x, of which the loop hands out no tangents; a second derivative follows it all the same."""
    return x


def _noted_tangents(primals: Any, tangents: Any) -> Any:
    return primals[0], zero_from_primal(primals[0], symbolic_zeros=True)


_noted.defjvp(_noted_tangents, symbolic_zeros=True)


class _Opened:
    """The same products, with the weights' gradients left out.

    Arguments:
        weights, transposed: of each product, [out, in] and [in, out]; None for the latter if it
            is small.
        added: the summand of each product, of its shape.
    """

    def __init__(self, weights: list[Array], transposed: list[Any], added: list[Array]):
        self.inputs: list[Array] = []
        self._operands = iter(zip(weights, transposed, added, strict=True))

    def product(self, x: Array, weight: Array) -> Array:
        self.inputs.append(_noted(x))
        return _opened_product(x, *next(self._operands))


@jax.custom_jvp
def _opened_product(x: Array, weight: Array, transposed: Array | None, added: Array) -> Array:
    """The summand counts for gradients only: nobody reads its zeros.

    A first derivative takes the weight for a constant. Further ones see the products of that
    derivative, which are plain.
    """
    return _times(x, weight, transposed)


def _times(x: Array, weight: Array, transposed: Array | None) -> Array:
    return jnp.matmul(x, weight.T if transposed is None else transposed)


def _opened_tangents(primals: Any, tangents: Any) -> Any:
    x, weight, transposed, _ = primals
    dx, _, _, added = tangents
    y = _times(x, weight, transposed)
    dy = jnp.zeros_like(y) if _is_zero(added) else added
    if not _is_zero(dx):
        # As dot_general, whose transpose multiplies the weight as it is stored; the transpose of a
        # matmul with weight.T would multiply rows by rows.
        dy = lax.dot_general(dx, weight, (((x.ndim - 1,), (1,)), ((), ()))) + dy
    return y, dy


_opened_product.defjvp(_opened_tangents, symbolic_zeros=True)

_TRACED: ContextVar[_Seen | _Opened | None] = ContextVar("of the step traced", default=None)


@contextmanager
def _tracing(products: _Seen | _Opened | None) -> Iterator[None]:
    token = _TRACED.set(products)
    try:
        yield
    finally:
        _TRACED.reset(token)


def without_products(step: Step) -> Step:
    """A step whose products no scan around it sees: a checkpoint computes them again."""

    def hidden(carry: Any, row: list[Array]) -> tuple[Any, list[Array]]:
        with _tracing(None):
            return step(carry, row)

    return hidden


def product(x: Array, weight: Array) -> Array:
    """[..., in] times a weight [out, in]."""
    products = _TRACED.get()
    return jnp.matmul(x, weight.T) if products is None else products.product(x, weight)


def scan(step: Step, carry: Any, xs: list[Array], length: int) -> tuple[Any, list[Array]]:
    """`lax.scan` of a step whose weights all come from outside of it."""
    first = [x[0] for x in xs]
    seen = _Seen()

    def looked_at(carry: Any, row: list[Array]) -> Any:
        with _tracing(seen):
            return step(carry, row)

    jax.eval_shape(looked_at, carry, first)
    if not 0 < seen.rows <= MOST_ROWS:
        return lax.scan(_recomputed(step, carry), carry, xs, length)
    weights = seen.weights
    fuses = seen.rows == 1
    transposed = [None if fuses and w.size < WORTH_TRANSPOSING else w.T for w in weights]
    shapes = seen.outputs

    def opened(carry: Any, row: list[Array], added: list[Array]) -> Any:
        products = _Opened(weights, transposed, added)
        with _tracing(products):
            carry, outs = step(carry, row)
        return carry, outs, products.inputs

    converted, constants = jax.closure_convert(opened, carry, first, _zeros(shapes))

    @jax.custom_jvp
    def run(carry: Any, xs: Any, constants: Any, weights: Any) -> Any:
        def body(carry: Any, row: list[Array]) -> Any:
            return converted(carry, row, _zeros(shapes), *constants)[:2]

        return lax.scan(body, carry, xs, length)

    def with_tangents(primals: Any, tangents: Any) -> Any:
        leaves, tree = jax.tree.flatten(primals[:3])
        moving, learning = _moving(tangents[:3]), _moving(tangents[3])
        zeros = _zeros(shapes, length)

        def whole(values: Any, summands: Any) -> Any:
            carry, xs, constants = jax.tree.unflatten(tree, _replaced(leaves, moving, values))

            def body(carry: Any, rows: Any) -> Any:
                carry, outs, inputs = converted(carry, *rows, *constants)
                return carry, (outs, inputs)

            added = _replaced(zeros, learning, summands)
            carry, (outs, inputs) = lax.scan(body, carry, (xs, added), length)
            return (carry, outs), inputs

        found, linear, inputs = jax.linearize(
            whole, [leaves[i] for i in moving], [zeros[i] for i in learning], has_aux=True
        )
        summands = [_all_steps(inputs[i], d) for i, d in learning.items()]
        return found, linear(list(moving.values()), summands)

    run.defjvp(with_tangents, symbolic_zeros=True)
    return run(carry, xs, constants, weights)


def _zeros(shapes: list[jax.ShapeDtypeStruct], *lead: int) -> list[Array]:
    return [jnp.zeros((*lead, *one.shape), one.dtype) for one in shapes]


def _recomputed(step: Step, carry: Any) -> Step:
    """The step; where it is large, one whose gradient computes all but the products again."""
    largest = max((leaf.nbytes for leaf in jax.tree.leaves(carry)), default=0)
    if largest < WORTH_RECOMPUTING:
        return step
    return jax.checkpoint(step, policy=_is_product, prevent_cse=False)


def _is_product(primitive: Any, *_: Any, **__: Any) -> bool:
    return primitive in (lax.dot_general_p, lax.conv_general_dilated_p)


def _all_steps(x: Array, weight: Array) -> Array:
    """The product of all steps, as one of two matrices: XLA's code for processors takes twice as
    long for the gradient of one with more axes. What is spread over devices keeps its axes."""
    if jax.device_count() > 1:
        return jnp.matmul(x, weight.T)
    y = jnp.matmul(x.reshape((-1, x.shape[-1])), weight.T)
    return y.reshape((*x.shape[:-1], y.shape[-1]))


def _is_zero(tangent: Any) -> bool:
    """Whether a tangent is zero for certain."""
    return isinstance(tangent, SymbolicZero)


def _moving(tangents: Any) -> dict[int, Array]:
    """The tangents that may be other than zero, by the position of their leaf."""
    return {i: d for i, d in enumerate(jax.tree.leaves(tangents)) if not _is_zero(d)}


def _replaced(leaves: list[Any], positions: Iterable[int], values: list[Any]) -> list[Any]:
    new = list(leaves)
    for position, value in zip(positions, values, strict=True):
        new[position] = value
    return new
