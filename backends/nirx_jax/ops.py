"""JAX's `Ops`, in fast mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nirx.dynamics.ops import Array, ConvGeometry, Shape
from nirx.dynamics.surrogate import Surrogate
from nirx.errors import InputError
from nirx_jax.gradients import select, with_surrogate

__all__ = ["JaxOps"]


class JaxOps:
    """Operations on JAX arrays of one dtype."""

    def __init__(self, dtype: str, surrogate: Surrogate, detach_reset: bool):
        self.dtype = np.dtype(dtype)
        self.surrogate, self.detach_reset = surrogate, detach_reset
        self.any_dtype = False  # set where users' modules alone do the arithmetic

    def accept(self, value: Any, where: str) -> jax.Array:
        if not isinstance(value, jax.Array):
            try:
                value = np.asarray(value)
            except Exception as error:  # whatever a foreign array type raises
                found = type(value).__name__
                raise InputError(
                    f"{where} is a {found}; expected an array; nirx.state_to_numpy converts trees "
                    "of any backend"
                ) from error
            if value.dtype.kind not in "biuf":
                raise InputError(f"{where} has dtype {value.dtype}; expected an array of numbers")
        if self.any_dtype and jnp.issubdtype(value.dtype, jnp.floating):
            return jnp.asarray(value)
        if not np.issubdtype(value.dtype, np.integer) and value.dtype not in (self.dtype, bool):
            raise InputError(
                f"{where} has dtype {value.dtype}, but the network runs in {self.dtype}; "
                "convert it with .astype(...) or pass dtype= to from_nir"
            )
        return jnp.asarray(value, self.dtype)

    def constant(self, value: Any) -> jax.Array:
        return jnp.asarray(value, self.dtype)

    def zeros(self, shape: Shape) -> jax.Array:
        return jnp.zeros(shape, self.dtype)

    def use(self, value: Array) -> Array:
        return value

    def add(self, a: Array, b: Array) -> Array:
        return jnp.add(a, b)

    def sub(self, a: Array, b: Array) -> Array:
        return jnp.subtract(a, b)

    def mul(self, a: Array, b: Array) -> Array:
        return jnp.multiply(a, b)

    def div(self, a: Array, b: Array) -> Array:
        return jnp.divide(a, b)

    def floor(self, a: Array) -> Array:
        return jnp.floor(a)

    def greater(self, a: Array, b: Array) -> Array:
        return jnp.greater(a, b).astype(self.dtype)

    def greater_equal(self, a: Array, b: Array) -> Array:
        return jnp.greater_equal(a, b).astype(self.dtype)

    def select(self, mask: Array, a: Array, b: Array) -> Array:
        return select(mask, a, b)

    def with_surrogate(self, spikes: Array, v: Array, threshold: Array) -> Array:
        return with_surrogate(spikes, v, threshold, self.surrogate)

    def stop_gradient(self, a: Array) -> Array:
        return jax.lax.stop_gradient(a)

    def copy(self, a: Array) -> Array:
        return a

    def seal(self, a: Array) -> Array:
        # XLA fuses a chain of neurons by repeating each producer in every consumer: 200 of them
        # in one step took 120 s to compile. It does not look through a conditional, and the
        # condition (true for every float) is not known before run time. optimization_barrier
        # did not help: it is expanded before fusion.
        if a.size == 0:
            return a
        first = lax.stop_gradient(a).reshape(-1)[0]
        always = jnp.isnan(first) | (first <= jnp.inf)
        return lax.cond(always, lambda y: y, jnp.zeros_like, a)

    def prepare_linear(self, weight: Array) -> Any:
        return weight

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        if prepared.ndim == 2:
            return jnp.matmul(x, prepared.T)
        return jnp.matmul(prepared, x[..., None])[..., 0]

    def prepare_conv(self, weight: Array, geometry: ConvGeometry) -> Any:
        return weight

    def conv(self, x: Array, prepared: Any, geometry: ConvGeometry, binary: bool) -> Array:
        axes = len(geometry.stride)
        lead = x.shape[: x.ndim - 1 - axes]
        x = x.reshape((-1, *x.shape[len(lead) :]))
        layout = ("NCH", "OIH", "NCH") if axes == 1 else ("NCHW", "OIHW", "NCHW")
        y = jax.lax.conv_general_dilated(
            x,
            prepared,
            geometry.stride,
            geometry.padding,
            rhs_dilation=geometry.dilation,
            dimension_numbers=layout,
            feature_group_count=geometry.groups,
        )
        return y.reshape((*lead, *y.shape[1:]))

    def pad(self, x: Array, padding: Sequence[tuple[int, int]]) -> Array:
        return jnp.pad(x, [(0, 0)] * (x.ndim - len(padding)) + [tuple(p) for p in padding])

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        return jnp.concatenate(arrays)

    def moveaxis(self, x: Array, source: int, destination: int) -> Array:
        return jnp.moveaxis(x, source, destination)

    def take_along_time(self, x: Array, index: Any) -> Array:
        return jnp.take_along_axis(x, jnp.asarray(index, jnp.int32), axis=0)

    def scan(
        self,
        step: Callable[[Any, list[Array]], tuple[Any, list[Array]]],
        carry: Any,
        xs: list[Array],
        length: int,
    ) -> tuple[Any, list[Array]]:
        return jax.lax.scan(step, carry, xs, length)

    def scan_chunks(
        self,
        body: Callable[[Any, list[Array]], tuple[Any, list[Array]]],
        carry: Any,
        xs: list[Array],
        length: int,
        chunk: int,
    ) -> tuple[Any, list[Array]]:
        # Whole chunks under one scan, so that compilation does not grow with their number.
        whole, rest = divmod(length, chunk)
        if whole <= 1 and not (whole and rest):
            return body(carry, xs)
        cut = whole * chunk
        stacked = [x[:cut].reshape((whole, chunk, *x.shape[1:])) for x in xs]
        carry, outs = jax.lax.scan(body, carry, stacked)
        outs = [y.reshape((cut, *y.shape[2:])) for y in outs]
        if rest:
            carry, last = body(carry, [x[cut:] for x in xs])
            outs = [jnp.concatenate(pair) for pair in zip(outs, last, strict=True)]
        return carry, outs
