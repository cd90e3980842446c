"""JAX's `Ops` in reproducible mode: the same bits as every other backend."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nirx.dynamics.ops import Array
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.execution.array_ops import Step
from nirx.execution.reproducible import Reproducible
from nirx_jax.ops import JaxOps

__all__ = ["JaxKernel", "ReproducibleJaxOps"]


WORTH_A_LOOK = 2**14
"""Elements of a product's input above which its values decide how it is computed."""


class JaxKernel:
    """See `nirx.execution.sliced.SliceKernel`; needs x64 mode."""

    def max_abs(self, x: Array, axes: tuple[int, ...]) -> Array:
        return jnp.max(jnp.abs(x), axis=axes, keepdims=True, initial=0.0)

    def exponent(self, m: Array) -> Array:
        bits = lax.bitcast_convert_type(m, np.int64)
        return jnp.where(m > 0, ((bits >> 52) - 1022).astype(np.float64), 0.0)

    def power(self, n: Array) -> Array:
        bits = (jnp.asarray(n).astype(np.int64) + 1023) << 52
        return lax.bitcast_convert_type(bits, np.float64)

    def rint(self, x: Array) -> Array:
        return jnp.rint(x)

    def finite(self, m: Array) -> Array:
        return jnp.isfinite(m)

    def where(self, mask: Array, a: Any, b: Any) -> Array:
        return jnp.where(mask, a, b)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _keep(y: Any, smallest: float) -> Any:
    """+0 where |y| is below B, else y; its gradient is 1: a v at rest is exactly 0 and has one."""
    return jnp.where(jnp.abs(y) < smallest, jnp.zeros((), y.dtype), y)


@_keep.defjvp
def _keep_jvp(smallest: float, primals: Any, tangents: Any) -> Any:
    return _keep(primals[0], smallest), tangents[0]


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _sliced_forward(x: Any, weight: Any, value: Any, plain: Callable[[Any, Any], Any]) -> Any:
    """The sliced result; its gradient is that of the plain kernel."""
    return value


@_sliced_forward.defjvp
def _sliced_forward_jvp(plain: Callable[[Any, Any], Any], primals: Any, tangents: Any) -> Any:
    x, weight, value = primals
    dx, dweight, _ = tangents
    return value, plain(dx, weight) + plain(x, dweight)


class ReproducibleJaxOps(Reproducible, JaxOps):
    """See `nirx.execution.reproducible.Reproducible`.

    The select in `keep` also separates any two operations that XLA would otherwise contract to
    a fused multiply-add or rewrite.
    """

    kernel = JaxKernel()

    def __init__(self, dtype: str, surrogate: Surrogate, detach_reset: bool):
        super().__init__(dtype, surrogate, detach_reset)
        self._set_dtype(dtype)

    def _keep(self, y: Array) -> Array:
        return _keep(y, self._smallest)

    def div(self, a: Array, b: Array) -> Array:
        # XLA turns a division by a constant into a product with its reciprocal, which rounds
        # twice, and it looks for constants both before and after it drops the barrier. The
        # divisor is made to depend on `a` (where a is NaN, so is the result), and the barrier
        # hides `a`. Each measure alone left wrong bits.
        a, b = lax.optimization_barrier((jnp.asarray(a), jnp.asarray(b)))
        b = jnp.where(jnp.isnan(a), jnp.full((), jnp.nan, self.dtype), b)
        return super().div(a, b)

    def _wide(self, x: Array) -> Array:
        return lax.convert_element_type(lax.stop_gradient(x), np.float64)

    def _by_spikes(self, x: Array, way: Callable[[Array, bool], Array]) -> Array:
        # Known at run time only. With spikes there is a third of the products.
        if x.size < WORTH_A_LOOK:
            return way(x, False)
        spikes = jnp.all((x == 0) | (x == 1))
        return lax.cond(spikes, lambda a: way(a, True), lambda a: way(a, False), x)

    def _exactly(self) -> AbstractContextManager[Any]:
        return jax.enable_x64(True)

    def _with_gradient(
        self, x: Array, weight: Array, value: Array, plain: Callable[[Any, Any], Any]
    ) -> Array:
        return _sliced_forward(x, weight, value, plain)

    def scan(self, step: Step, carry: Any, xs: list[Array], length: int) -> tuple[Any, list[Array]]:
        return lax.scan(step, carry, xs, length)  # its products are sliced

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        return self._dot(x, prepared, (-1,), _linear, binary)


def _linear(x: Array, weight: Array) -> Array:
    # lax.dot_general rather than jnp.matmul, which under enable_x64 breaks vmap of jit and scan.
    batch = weight.ndim - 2
    lead = x.ndim - 1 - batch
    if batch == 0:
        return lax.dot_general(x, weight, (((x.ndim - 1,), (1,)), ((), ())))
    shared = tuple(range(lead, lead + batch))
    y = lax.dot_general(x, weight, (((x.ndim - 1,), (batch + 1,)), (shared, tuple(range(batch)))))
    # dot_general puts the batched axes first: [*batched, *lead, out] -> [*lead, *batched, out]
    order = (*range(batch, batch + lead), *range(batch), y.ndim - 1)
    return lax.transpose(y, order)
