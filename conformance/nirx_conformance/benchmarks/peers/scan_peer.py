"""A network written by hand for JAX: one `lax.scan` whose body is a step of the whole network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import nir
import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx.execution.node_surrogates import SURROGATES
from nirx_conformance.benchmarks.chain import Layer, chain_of
from nirx_conformance.benchmarks.peers.jax_chain import jax_layer, jax_subject, jax_weights
from nirx_conformance.benchmarks.subject import CannotRunError, Case, Subject

__all__ = ["build"]


@jax.custom_jvp
def _spike(u: jax.Array) -> jax.Array:
    return (u > 0).astype(u.dtype)


@_spike.defjvp
def _spike_jvp(primals: Any, tangents: Any) -> Any:
    (u,), (du,) = primals, tangents
    return _spike(u), SURROGATES["superspike"](u) * du


def build(case: Case) -> Subject:
    """See `nirx_conformance.benchmarks.peers.Build`."""
    chain = chain_of(case.graph, case.discretization)
    nodes = [[*layer.weights, layer.feedback] for layer in chain.layers]
    weights = [[jax_weights(node, case.dtype) for node in own] for own in nodes]
    layers = [[jax_layer(node) for node in layer.weights] for layer in chain.layers]
    backs = [layer.feedback and jax_layer(layer.feedback) for layer in chain.layers]
    neurons = [_neuron(layer, case.dtype) for layer in chain.layers]

    def forward(weights: Any, xs: jax.Array) -> jax.Array:
        def step(states: Any, x: jax.Array) -> Any:
            after = []
            parts = zip(layers, weights, backs, neurons, states, strict=True)
            for own, w, back, neuron, (y, state) in parts:
                for layer, values in zip(own, w, strict=False):
                    x = layer(values, x)
                x = x if back is None else x + back(w[-1], y)
                x, state = neuron(x, state) if neuron else (x, state)
                after.append((x, state))
            return after, x

        fresh = [_fresh(layer, xs) for layer in chain.layers]
        return jax.lax.scan(step, fresh, xs)[1]

    return jax_subject("scan", case, weights, forward, note="one lax.scan; SuperSpike, slope 100")


def _fresh(layer: Layer, xs: jax.Array) -> Any:
    zero = jnp.zeros((xs.shape[1], *layer.shape), xs.dtype)
    return zero, (zero, zero)


def _neuron(layer: Layer, dtype: str) -> Callable[..., Any] | None:
    """(x, (v, i)) -> (z, (v, i))."""
    node, rule = layer.neuron, layer.rule
    if node is None:
        return None
    plain = Discretization(dt=rule.dt, reset=rule.reset, reset_when=rule.reset_when)
    ways = {("value", "same"), ("subtract", "same"), ("subtract", "next")}
    if rule != plain or (rule.reset, rule.reset_when) not in ways:
        raise CannotRunError("the scan is written for NIR's step and three ways to reset")
    if not isinstance(node, nir.IF | nir.LIF | nir.CubaLIF):
        raise CannotRunError(f"the scan has no {type(node).__name__}")
    kind = np.dtype(dtype).type
    p = {k: kind(v) for k, v in vars(node).items() if isinstance(v, np.ndarray)}
    dt, threshold = kind(rule.dt), p["v_threshold"]
    tau, leak = p.get("tau", p.get("tau_mem")), p.get("v_leak")

    def step(x: jax.Array, state: Any) -> Any:
        v, i = state
        before = v
        if "tau_syn" in p:
            i = i + (dt / p["tau_syn"]) * (p["w_in"] * x - i)
            x = i
        leaked = v if tau is None else v + (dt / tau) * (leak - v)
        gain = dt * p["r"] if tau is None else (dt / tau) * p["r"]
        new = leaked + gain * x
        if rule.reset_when == "next":
            new = new - (before > threshold) * threshold
            return _spike(new - threshold), (new, i)
        z = _spike(new - threshold)
        if rule.reset == "value":
            return z, (jnp.where(z > 0, p["v_reset"], new), i)
        return z, (new - z * threshold, i)

    return step
