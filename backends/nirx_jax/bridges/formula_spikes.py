"""`FormulaSpikes`: a formula of nirx where a JAX library takes any spike function."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from nirx.dynamics.surrogate_formulas import NamedSurrogate
from nirx_jax.gradients import with_surrogate

__all__ = ["FormulaSpikes"]


@dataclass(frozen=True)
class FormulaSpikes:
    """1 where x >= 0, with the formula's gradient."""

    formula: NamedSurrogate

    def __call__(self, x: jax.Array) -> jax.Array:
        spikes = (x >= 0).astype(x.dtype)
        return with_surrogate(spikes, x, jnp.zeros((), x.dtype), self.formula)
