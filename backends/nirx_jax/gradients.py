"""Gradients that JAX cannot derive: of a spike, and of a selection by a spike."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from nirx.dynamics.surrogate_formulas import Surrogate

__all__ = ["select", "with_surrogate"]


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def with_surrogate(spikes: Any, v: Any, threshold: Any, surrogate: Surrogate) -> Any:
    """`spikes`, with the surrogate gradient with respect to v and threshold."""
    return spikes


@with_surrogate.defjvp
def _with_surrogate_jvp(surrogate: Surrogate, primals: Any, tangents: Any) -> Any:
    spikes, v, threshold = primals
    _, dv, dthreshold = tangents
    return spikes, surrogate(v - threshold) * (dv - dthreshold)


@jax.custom_jvp
def select(mask: Any, a: Any, b: Any) -> Any:
    """`a` where mask is not 0, else `b`, with a gradient for all three arguments."""
    return jnp.where(mask != 0, a, b)


@select.defjvp
def _select_jvp(primals: Any, tangents: Any) -> Any:
    mask, a, b = primals
    dmask, da, db = tangents
    return select(mask, a, b), jnp.where(mask != 0, da, db) + dmask * (a - b)
