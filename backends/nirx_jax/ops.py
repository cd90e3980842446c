"""JAX's `Ops`, in fast mode."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from nirx.dynamics.ops import Array, ConvGeometry, Shape
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.errors import InputError
from nirx.execution.array_ops import ArrayOps, Step
from nirx_jax.gradients import select, with_surrogate
from nirx_jax.scanning import product, scan, without_products

__all__ = ["JaxOps"]


class JaxOps(ArrayOps):
    """Operations on JAX arrays of one dtype."""

    xp = jnp

    def __init__(self, dtype: str, surrogate: Surrogate, detach_reset: bool):
        self.dtype = np.dtype(dtype)
        self.surrogate, self.detach_reset = surrogate, detach_reset
        self._others = {}
        self.any_dtype = False  # set where users' modules alone do the arithmetic

    def accept(self, value: Any, where: str) -> jax.Array:
        if isinstance(value, jax.Array):
            if value.dtype == self.dtype:
                return value
        else:
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

    def lend(self, array: jax.Array) -> np.ndarray | None:
        if isinstance(array, Tracer) or not array.is_fully_addressable:
            return None  # or in the memory of several processes
        if any(device.platform != "cpu" for device in array.devices()):
            return None
        return np.asarray(array)

    def constant(self, value: Any) -> jax.Array:
        return jnp.asarray(value, self.dtype)

    def zeros(self, shape: Shape) -> jax.Array:
        return jnp.zeros(shape, self.dtype)

    def cast(self, array: Array) -> Array:
        return array.astype(self.dtype)

    def select(self, mask: Array, a: Array, b: Array) -> Array:
        return select(mask, a, b)

    def with_surrogate(self, spikes: Array, v: Array, threshold: Array) -> Array:
        return with_surrogate(spikes, v, threshold, self.surrogate)

    def stop_gradient(self, a: Array) -> Array:
        return lax.stop_gradient(a)

    def seal(self, a: Array) -> Array:
        # XLA fuses a chain of neurons by repeating each producer in every consumer: 200 of them
        # in one step took 120 s to compile. It does not look through a conditional, and the
        # condition (true for every float) is not known before run time. optimization_barrier
        # did not help: it is expanded before fusion.
        if a.size == 0:
            return a
        first = lax.stop_gradient(a)[(0,) * a.ndim]
        always = jnp.isnan(first) | (first <= jnp.inf)
        return lax.cond(always, lambda y: y, jnp.zeros_like, a)

    def conv(self, x: Array, prepared: Any, geometry: ConvGeometry, binary: bool) -> Array:
        # The batch is the first axis that is joined, so that it stays spread over devices.
        if x.ndim - len(geometry.stride) <= 2:
            return super().conv(x, prepared, geometry, binary)
        last = x.ndim - len(geometry.stride) - 2
        y = super().conv(jnp.moveaxis(x, 0, last), prepared, geometry, binary)
        return jnp.moveaxis(y, last, 0)

    def convolve(self, x: Array, weight: Array, geometry: ConvGeometry) -> Array:
        layout = ("NCH", "OIH", "NCH") if x.ndim == 3 else ("NCHW", "OIHW", "NCHW")
        return lax.conv_general_dilated(
            x,
            weight,
            geometry.stride,
            geometry.padding,
            rhs_dilation=geometry.dilation,
            dimension_numbers=layout,
            feature_group_count=geometry.groups,
        )

    def take_along_time(self, x: Array, index: Any) -> Array:
        return jnp.take_along_axis(x, jnp.asarray(index, jnp.int32), axis=0)

    def linear(self, x: Array, prepared: Any, binary: bool) -> Array:
        return product(x, prepared) if prepared.ndim == 2 else super().linear(x, prepared, binary)

    def scan(self, step: Step, carry: Any, xs: list[Array], length: int) -> tuple[Any, list[Array]]:
        return scan(step, carry, xs, length)

    def checkpoint(self, body: Step) -> Step:
        return jax.checkpoint(without_products(body))

    def scan_chunks(
        self, body: Step, carry: Any, xs: list[Array], length: int, chunk: int
    ) -> tuple[Any, list[Array]]:
        if chunk == 1:  # reshaped as below, XLA would copy all of the input

            def step(carry: Any, row: list[Array]) -> tuple[Any, list[Array]]:
                carry, outs = body(carry, [x[None] for x in row])
                return carry, [y[0] for y in outs]

            return self.scan(step, carry, xs, length)
        # Whole chunks under one scan, so that compilation does not grow with their number.
        whole, rest = divmod(length, chunk)
        if whole <= 1 and not (whole and rest):
            return body(carry, xs)
        cut = whole * chunk
        if whole == 1:
            carry, outs = body(carry, [x[:cut] for x in xs])
        else:
            stacked = [x[:cut].reshape((whole, chunk, *x.shape[1:])) for x in xs]
            carry, outs = lax.scan(body, carry, stacked)
            outs = [y.reshape((cut, *y.shape[2:])) for y in outs]
        if rest:
            carry, last = body(carry, [x[cut:] for x in xs])
            outs = [jnp.concatenate(pair) for pair in zip(outs, last, strict=True)]
        return carry, outs
