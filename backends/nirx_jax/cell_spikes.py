"""Whether a function with a gradient of its own is a spike function."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from nirx_jax.walk import inner_of

__all__ = ["is_spike_function"]

PROBES = (-2.0, -1e-3, 0.0, 1e-3, 2.0)


def is_spike_function(eqn: Any) -> bool:
    """Whether a call of one array is 1 above 0 and 0 below it.

    Arguments:
        eqn: of a jaxpr, the call of a function with a gradient of its own.
    """
    jaxpr, consts = inner_of(eqn)
    if len(jaxpr.invars) != 1:
        return False
    function = jaxpr_as_fun(ClosedJaxpr(jaxpr, list(consts)))
    found = []
    with jax.ensure_compile_time_eval():
        for probe in PROBES:
            aval = jaxpr.invars[0].aval
            found.append(np.asarray(function(np.full(aval.shape, probe, aval.dtype))[0], float))
    low, high = np.stack(found[:2]), np.stack(found[3:])
    at = found[2]
    return bool((low == 0).all() and (high == 1).all() and ((at == 0) | (at == 1)).all())
