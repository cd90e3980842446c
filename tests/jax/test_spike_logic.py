"""Products and maxima of spikes become Thresholds of sums in JAX too."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
from nirx_jax import jax_to_nir
from support.jax_modules import linear


class Spikes(eqx.Module):
    def __call__(self, x):
        return (x > 0.5).astype(x.dtype)


class Joined(eqx.Module):
    a: Any
    b: Any
    one: Any
    other: Any
    join: Any = eqx.field(static=True)

    def __call__(self, x):
        return self.join(self.one(self.a(x)), self.other(self.b(x)))


def joined(join: Any) -> Joined:
    return Joined(linear(3, 4), linear(3, 4, seed=1), Spikes(), Spikes(), join)


def threshold(module: Any) -> nir.Threshold:
    return nir.Threshold(np.full(4, 0.5))


JOINS = {
    "and": lambda a, b: a * b,
    "iand": lambda a, b: a * (1.0 - b),
    "nor": lambda a, b: (1 - a) * (1 - b),
    "or": jnp.maximum,
    "minimum": jnp.minimum,
}


@pytest.mark.parametrize("name", JOINS)
def test_spikes_are_joined_as_the_program_says(name: str):
    model = joined(JOINS[name])
    graph = jax_to_nir(model, jnp.zeros(3), {Spikes: threshold})
    xs = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32) * 3
    expected = np.asarray(jax.vmap(model)(jnp.asarray(xs)))
    assert 0 < expected.sum() < expected.size
    got = nirx.from_nir(graph, "numpy", nirx.Discretization()).run(xs)[0]
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("join", [lambda a, b: (a + b) * a, lambda a, b: a * (1 - a)])
def test_what_is_no_spike_is_refused(join: Any):
    with pytest.raises(nirx.UnsupportedError, match="outputs of neurons"):
        jax_to_nir(joined(join), jnp.zeros(3), {Spikes: threshold})
