"""Hand-written LIF, LI, IF and CubaLIF cells become NIR nodes straight from `jax_to_nir`."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
from nirx_jax import jax_to_nir

TAU, STEPS, SIZE = np.array([4.0, 7.0, 10.0]), 1000, 3
BETA = 1 - 1 / TAU


@jax.custom_jvp
def spike(u):
    return (u > 0).astype(u.dtype)


@spike.defjvp
def _surrogate(primals, tangents):
    (u,), (du,) = primals, tangents
    return spike(u), du / (1 + jnp.abs(u)) ** 2


class Record(NamedTuple):
    v: Any
    i: Any


class Module(eqx.Module):
    """A function as an Equinox module with parameters, and its state as a dict."""

    tau: Any

    def __call__(self, x, state):
        return type(self).step(self.tau, x, state)


# -- LIF --------------------------------------------------------------------------------


class LIFModule(Module):
    @staticmethod
    def step(tau, x, state):
        v = state["v"] + (x - state["v"]) / tau
        z = (v > 0.5).astype(x.dtype)
        return z, {"v": jnp.where(z > 0, 0.0, v)}


def lif_subtract(x, v):
    v = BETA * v + x
    z = spike(v - 1.5)
    return z, v - 1.5 * z


class LIFExponential(Module):
    @staticmethod
    def step(tau, x, state):
        kept = jnp.exp(-1 / tau)
        v = kept * state["v"] + (1 - kept) * x
        z = jnp.heaviside(v - 0.5, 1.0)
        return z, {"v": v * (1 - jax.lax.stop_gradient(z))}


def lif_next_step(x, mem):
    mem = BETA * mem + x - (mem > 1.0)
    return spike(mem - 1.0), mem


def lif_last_spikes(x, state):
    v, z = state
    v = BETA * v * (1 - z) + x
    z = spike(v - 1.0)
    return z, (v, z)


def lif_select(x, state):
    v = state["v"] + (x - state["v"]) * (1 / TAU)
    fired = v >= 0.5
    return fired.astype(x.dtype), {"v": jax.lax.select(fired, jnp.full_like(v, -0.2), v)}


# -- LI ---------------------------------------------------------------------------------


class LIModule(Module):
    @staticmethod
    def step(tau, x, state):
        v = state["v"] + (x - state["v"]) / tau
        return v, {"v": v}


def li_decay(x, v):
    v = BETA * v + x
    return v, v


class LIExponential(Module):
    @staticmethod
    def step(tau, x, state):
        kept = jnp.exp(-1 / tau)
        v = kept * state["v"] + (1 - kept) * x
        return v, {"v": v}


def li_mixed(x, v):
    v = v * BETA + (1 - BETA) * x
    return v, v


def li_tuple(x, state):
    (v,) = state
    v = v - v / TAU + 0.5 * x
    return v, (v,)


def li_rest(x, v):
    v = v + (2.0 * x - (v - 0.25)) / TAU
    return v, v


# -- IF ---------------------------------------------------------------------------------


class IFModule(Module):
    @staticmethod
    def step(tau, x, state):
        v = state["v"] + x / tau
        z = (v > 1.0).astype(x.dtype)
        return z, {"v": jnp.where(z > 0, 0.0, v)}


def if_subtract(x, v):
    v = v + 0.3 * x
    z = spike(v - 1.0)
    return z, v - z


def if_multiplied(x, v):
    v = v + 0.4 * x
    z = (v >= 1.0).astype(x.dtype)
    return z, v * (1 - z)


def if_next_step(x, v):
    v = v - (v > 1.0) + x
    return (v > 1.0).astype(x.dtype), v


def if_to_below(x, state):
    v = state["v"] + x
    return spike(v - 1.0), {"v": jnp.where(v > 1.0, -0.25, v)}


def if_last_spikes(x, state):
    v, z = state
    v = jnp.where(z > 0.5, 0.0, v) + x
    z = spike(v - 1.0)
    return z, (v, z)


# -- CubaLIF ----------------------------------------------------------------------------


class CubaModule(Module):
    @staticmethod
    def step(tau, x, state):
        i = state["i"] + (x - state["i"]) / 3.0
        v = state["v"] + (i - state["v"]) / tau
        z = (v > 0.3).astype(x.dtype)
        return z, {"i": i, "v": jnp.where(z > 0, 0.0, v)}


def cuba_decays(x, state):
    v, i = state
    i = 0.75 * i + x
    v = BETA * v + i
    z = spike(v - 4.0)
    return z, (v - 4.0 * z, i)


def cuba_voltage_first(x, state):
    v = state.v + (state.i - state.v) / TAU
    z = spike(v - 0.5)
    return z, Record((1 - jax.lax.stop_gradient(z)) * v, state.i - state.i / 3.0 + x)


class CubaExponential(Module):
    @staticmethod
    def step(tau, x, state):
        of_i, of_v = jnp.exp(-1 / 3.0), jnp.exp(-1 / tau)
        i = of_i * state["i"] + (1 - of_i) * x
        v = of_v * state["v"] + (1 - of_v) * i
        z = (v >= 0.3).astype(x.dtype)
        return z, {"i": i, "v": v - 0.3 * z}


def cuba_next_step(x, state):
    v, i = state
    reset = v > 4.0
    i = 0.75 * i + x
    v = BETA * v + i - 4.0 * reset
    return spike(v - 4.0), (v, i)


def cuba_rows(x, state):
    """Both states in the rows of one array."""
    v, i = state
    i = 0.75 * i + 0.25 * x
    v = v + (i - v) / TAU
    z = (v > 0.3).astype(x.dtype)
    return z, jnp.stack([jnp.where(z > 0, 0.0, v), i])


ZERO = np.zeros(SIZE)
V, PAIR = {"v": ZERO}, (ZERO, ZERO)

SPELLINGS: dict[type, list[tuple[Any, Any]]] = {
    nir.LIF: [
        (LIFModule, V),
        (lif_subtract, ZERO),
        (LIFExponential, V),
        (lif_next_step, ZERO),
        (lif_last_spikes, PAIR),
        (lif_select, V),
    ],
    nir.LI: [
        (LIModule, V),
        (li_decay, ZERO),
        (LIExponential, V),
        (li_mixed, ZERO),
        (li_tuple, (ZERO,)),
        (li_rest, ZERO),
    ],
    nir.IF: [
        (IFModule, V),
        (if_subtract, ZERO),
        (if_multiplied, ZERO),
        (if_next_step, ZERO),
        (if_to_below, V),
        (if_last_spikes, PAIR),
    ],
    nir.CubaLIF: [
        (CubaModule, {"v": ZERO, "i": ZERO}),
        (cuba_decays, PAIR),
        (cuba_voltage_first, Record(ZERO, ZERO)),
        (CubaExponential, {"v": ZERO, "i": ZERO}),
        (cuba_next_step, PAIR),
        (cuba_rows, np.zeros((2, SIZE))),
    ],
}
CASES = [
    pytest.param(kind, cell, start, marks=[] if quick else pytest.mark.exhaustive)
    for kind, spellings in SPELLINGS.items()
    for (cell, start), quick in zip(spellings, [True, *[False] * 5], strict=True)
]


@pytest.mark.parametrize(("kind", "cell", "start"), CASES)
def test_a_cell_in_each_spelling_is_a_nir_node_with_the_cells_own_spikes(kind, cell, start):
    with jax.enable_x64(True):
        own = cell(jnp.asarray(TAU)) if isinstance(cell, type) else cell
        start = jax.tree.map(jnp.asarray, start)
        graph = jax_to_nir(own, jnp.zeros(SIZE), example_state=start)
        xs = np.random.default_rng(0).uniform(-0.5, 2.0, (STEPS, SIZE))
        scanned = jax.lax.scan(lambda s, x: own(x, s)[::-1], start, jnp.asarray(xs))
        expected = np.asarray(scanned[1])
    (node,) = (n for n in graph.nodes.values() if not isinstance(n, nir.Input | nir.Output))
    assert type(node) is kind
    said = f"{cell.__name__!r} equals NIR's {kind.__name__} with "
    assert said in node.metadata["nirx_recognised"]
    got = nirx.from_nir(graph, "numpy", dtype="float64").run(xs)[0]
    if kind is nir.LI:
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
    else:
        assert 0 < expected.sum() < expected.size
        np.testing.assert_array_equal(got, expected)
