"""Spyx: a Sequential of flax's Linear and its own neurons, run by `spyx.nn.run`, compiled.

Its neurons put spikes out one step late, so the output is late by the number of its layers.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import nir
import numpy as np

from nirx.bridging.bridge import find_bridge
from nirx_conformance.benchmarks.chain import Layer, chain_of
from nirx_conformance.benchmarks.peers.jax_chain import jax_subject
from nirx_conformance.benchmarks.peers.torch_chain import library_neuron
from nirx_conformance.benchmarks.subject import CannotRunError, Case, Subject

__all__ = ["build"]


def build(case: Case) -> Subject:
    """See `nirx_conformance.benchmarks.peers.Build`."""
    from flax import nnx
    from spyx import axn
    from spyx import nn as spyx

    bridge = find_bridge("spyx")
    layers: list[Any] = []
    for layer in chain_of(case.graph, case.discretization).layers:
        if layer.neuron is None or layer.feedback is not None:
            raise CannotRunError("only layers of neurons without a loop are built for Spyx")
        if layer.rule.reset_when == "same":
            raise CannotRunError(
                "its neurons subtract the threshold one step after the spike, and "
                f"{layer.name!r} resets in the same step"
            )
        late = replace(layer.rule, output="old")  # what it computes, told apart as a delay
        neuron = library_neuron(bridge, layer, case.dtype, late)
        cell = neuron.cell(layer.shape)
        cell.spike = axn.superspike(100)
        layers += [_linear(layer, neuron, case.dtype), cell]
    graph, weights, rest = nnx.split(spyx.Sequential(*layers), _is_weight, ...)

    def forward(weights: Any, xs: jax.Array) -> jax.Array:
        return spyx.run(nnx.merge(graph, weights, rest), xs)[0]

    note = "spyx.nn.run in jax.jit; SuperSpike, slope 100"
    return jax_subject("spyx", case, weights, forward, note=note)


def _is_weight(path: Any, value: Any) -> bool:
    return path[-1] in ("kernel", "bias")


def _linear(layer: Layer, neuron: Any, dtype: str) -> Any:
    """flax's Linear with the gain and offset of the neuron in its weights."""
    from flax import nnx

    if len(layer.weights) != 1 or not isinstance(layer.weights[0], nir.Linear | nir.Affine):
        raise CannotRunError("only Linear and Affine weights are built for Spyx")
    (node,) = layer.weights
    gain, offset = (np.asarray(neuron.constants.values[n]) for n in ("gain", "offset"))
    weight = np.asarray(node.weight, np.float64)
    bias = np.asarray(getattr(node, "bias", np.zeros(len(weight))), np.float64)
    use_bias = isinstance(node, nir.Affine) or bool(np.any(offset != 0))
    linear = nnx.Linear(*weight.T.shape, use_bias=use_bias, rngs=nnx.Rngs(0))
    gain = np.broadcast_to(gain, (len(weight),))
    linear.kernel = nnx.Param(jnp.asarray(weight.T * gain, dtype))
    if use_bias:
        linear.bias = nnx.Param(jnp.asarray(gain * bias + offset, dtype))
    return linear
