"""JAX's x64 mode, without which float64 silently becomes float32."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

__all__ = ["x64_is_on"]


def x64_is_on() -> bool:
    """Whether arrays can be float64 now: globally, or inside `jax.enable_x64`."""
    return jnp.asarray(np.zeros(0, np.float64)).dtype == np.float64
