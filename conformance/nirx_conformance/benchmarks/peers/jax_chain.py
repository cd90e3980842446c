"""What the JAX peers share: plain layers, and running a function of weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import nir
import numpy as np

from nirx_conformance.benchmarks.subject import CannotRunError, Case, Subject

__all__ = ["jax_layer", "jax_subject", "jax_weights", "require_device"]

Forward = Callable[[Any, jax.Array], jax.Array]


def require_device(case: Case) -> None:
    """**Raises**: `CannotRunError` where JAX does not run on the case's device by default."""
    found = jax.devices()[0].platform
    if (case.device == "cuda") != (found in ("gpu", "cuda")):
        hint = f"; JAX_PLATFORMS={case.device} in the environment chooses another"
        raise CannotRunError(f"JAX runs on {found} here{hint}")


def jax_subject(
    name: str, case: Case, weights: Any, forward: Forward, floor: bool = False, note: str = ""
) -> Subject:
    """(weights, xs) -> ys as a subject, compiled once.

    Arguments:
        weights: a pytree; what is trained.
        floor: whether the result is not the network's output.
    """
    require_device(case)
    xs = jnp.asarray(case.xs)
    only_forward = jax.jit(forward)
    trained = jax.jit(jax.value_and_grad(lambda weights, xs: forward(weights, xs).mean()))
    call = trained if case.train else only_forward

    def run() -> None:
        jax.block_until_ready(call(weights, xs))

    def outputs() -> np.ndarray:
        return np.asarray(only_forward(weights, xs))

    return Subject(name, "jax", run, None if floor else outputs, note)


def jax_weights(node: Any, dtype: str) -> dict[str, jax.Array]:
    """A node's weights; none where it has no weights."""
    names = [name for name in ("weight", "bias") if getattr(node, name, None) is not None]
    return {name: jnp.asarray(np.asarray(getattr(node, name)), dtype) for name in names}


def jax_layer(node: Any) -> Callable[[dict[str, jax.Array], jax.Array], jax.Array]:
    """A stateless node: (weights, x [batch, *features]) -> y.

    **Raises**: `CannotRunError` for a type without a plain layer here.
    """
    if isinstance(node, nir.Linear):
        return lambda w, x: x @ w["weight"].T
    if isinstance(node, nir.Affine):
        return lambda w, x: x @ w["weight"].T + w["bias"]
    if isinstance(node, nir.Conv2d) and not isinstance(node.padding, str):
        stride, dilation = _pair(node.stride), _pair(node.dilation)
        padding, groups = [(n, n) for n in _pair(node.padding)], int(node.groups)

        def convolve(w: dict[str, jax.Array], x: jax.Array) -> jax.Array:
            y = jax.lax.conv_general_dilated(
                x,
                w["weight"],
                stride,
                padding,
                rhs_dilation=dilation,
                feature_group_count=groups,
                dimension_numbers=("NCHW", "OIHW", "NCHW"),
            )
            return y + w["bias"][:, None, None]

        return convolve
    if isinstance(node, nir.SumPool2d):
        size, stride = (1, 1, *_pair(node.kernel_size)), (1, 1, *_pair(node.stride))
        padding = [(0, 0), (0, 0), *((n, n) for n in _pair(node.padding))]
        return lambda w, x: jax.lax.reduce_window(x, 0.0, jax.lax.add, size, stride, padding)
    if isinstance(node, nir.Flatten) and (node.start_dim, node.end_dim) == (0, -1):
        return lambda w, x: x.reshape(x.shape[0], -1)
    raise CannotRunError(f"{type(node).__name__} is not built for peers")


def _pair(value: Any) -> Sequence[int]:
    return tuple(int(n) for n in np.broadcast_to(value, 2))
