"""The floor: the bare products with the weights, each on all steps at once, without neurons."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx_conformance.benchmarks.chain import chain_of
from nirx_conformance.benchmarks.subject import CannotRunError, Case, Subject

__all__ = ["build_jax", "build_torch"]

NOTE = "a floor: computes less than the network"


def build_torch(case: Case) -> Subject:
    """See `nirx_conformance.benchmarks.peers.Build`."""
    import torch

    from nirx_conformance.benchmarks.peers.torch_layers import torch_layer

    pairs = _products(case)
    layers = [torch_layer(node, case.dtype).to(case.device) for node, _ in pairs]
    given = [torch.from_numpy(xs).to(case.device) for _, xs in pairs]
    # All but the first layer's input need a gradient, as in a network.
    for xs in given[1:]:
        xs.requires_grad_(case.train)
    wanted = [p for layer in layers for p in layer.parameters()] + given[1:]

    def run() -> None:
        if case.train:
            total: Any = sum(layer(xs).mean() for layer, xs in zip(layers, given, strict=True))
            torch.autograd.grad(total, wanted)
        else:
            with torch.no_grad():
                for layer, xs in zip(layers, given, strict=True):
                    layer(xs)
        if case.device != "cpu":
            torch.cuda.synchronize()

    return Subject("matmul torch", "torch", run, None, NOTE)


def build_jax(case: Case) -> Subject:
    """See `nirx_conformance.benchmarks.peers.Build`."""
    import jax
    import jax.numpy as jnp

    from nirx_conformance.benchmarks.peers.jax_chain import jax_layer, jax_weights, require_device

    require_device(case)
    pairs = _products(case)
    layers = [jax_layer(node) for node, _ in pairs]
    first, *others = [jnp.asarray(xs) for _, xs in pairs]
    wanted = [jax_weights(node, case.dtype) for node, _ in pairs], others

    def forward(wanted: Any, first: Any) -> Any:
        weights, others = wanted
        parts = zip(layers, weights, [first, *others], strict=True)
        return [layer(w, xs) for layer, w, xs in parts]

    only_forward = jax.jit(forward)
    trained = jax.jit(jax.grad(lambda wanted, xs: sum(y.mean() for y in forward(wanted, xs))))
    call = trained if case.train else only_forward

    def run() -> None:
        jax.block_until_ready(call(wanted, first))

    return Subject("matmul jax", "jax", run, None, NOTE)


def _products(case: Case) -> list[tuple[Any, np.ndarray]]:
    """Every node with weights, and spikes of its input's shape, [time*batch, *features]."""
    chain = chain_of(case.graph, case.discretization)
    nodes = [n for layer in chain.layers for n in (*layer.weights, layer.feedback)]
    found = []
    for node in nodes:
        if isinstance(node, nir.Linear | nir.Affine):
            shape: tuple[int, ...] = (node.weight.shape[1],)
        elif isinstance(node, nir.Conv2d):
            if node.input_shape is None:
                raise CannotRunError("a Conv2d does not say the size of its input")
            size = (int(n) for n in np.broadcast_to(np.asarray(node.input_shape), 2))
            shape = (node.weight.shape[1] * int(node.groups), *size)
        else:
            continue
        random = np.random.default_rng(len(found))
        xs = random.random((case.steps * case.batch, *shape), np.float32) < case.density
        found.append((node, xs.astype(case.dtype)))
    if not found:
        raise CannotRunError("there are no weights")
    return found
