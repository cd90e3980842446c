"""Gradients of a network as NumPy arrays, by JAX."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from nirx.execution.cotangents import inputs_by_name, weighted
from nirx.execution.parameters import parameter_key
from nirx.graphs.state import map_tree, state_to_numpy
from nirx_jax.native import NativeNode
from nirx_jax.net import Net
from nirx_jax.state import state_from_numpy

__all__ = ["array_gradients"]


def array_gradients(net: Net, inputs: Any, cotangents: Any, state: Any) -> tuple[Any, Any, Any]:
    """See `nirx.execution.backend.PreparedGradients`."""
    given = state_from_numpy((inputs_by_name(net.schedule, inputs), state))
    given = map_tree(lambda array: array.astype(net.dtype), given)
    weights = tuple(cotangents)

    @eqx.filter_jit
    @eqx.filter_grad
    def gradients(both: tuple[Net, Any]) -> Any:
        net, (xs, start) = both
        found = net.run(xs, start, list(weights[2] or ()))
        terms = [(value * weight).sum() for value, weight in weighted(found, weights)]
        return sum(terms, jnp.zeros((), net.dtype))

    of_net, of_given = gradients((net, given))
    parameters = {
        parameter_key(net.schedule, (position, name)): state_to_numpy(value)
        for position, module in enumerate(of_net.modules_in_order)
        if isinstance(module, NativeNode)
        for name, value in module.arrays.items()
    }
    return parameters, *state_to_numpy(of_given)
