"""Subclasses of mapped modules: exported as their base only if they compute what it computes."""

# equinox's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIncompatibleMethodOverride=false, reportOperatorIssue=false

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
from nirx_jax import jax_to_nir

KEY = jax.random.key(3)


class Twice(eqx.nn.Linear):
    def __call__(self, x, *, key=None):
        return 2 * super().__call__(x)


class Positive(eqx.nn.Linear):
    def __call__(self, x, *, key=None):
        return jnp.abs(self.weight) @ x + self.bias


class Halves(eqx.nn.Dropout):
    def __call__(self, x, *, key=None, inference=None):
        return x * 0.5


class Named(eqx.nn.Linear):
    """It computes what its base computes."""

    def describe(self):
        return "named"


def chain(layer):
    return eqx.nn.Sequential([layer, eqx.nn.Identity()])


@pytest.mark.parametrize(
    "make", [lambda: Twice(3, 2, key=KEY), lambda: Positive(3, 2, key=KEY), Halves]
)
def test_what_is_overridden_is_in_the_graph(make):
    module = make()
    graph = jax_to_nir(chain(module), jnp.zeros(3))
    xs = np.random.default_rng(1).normal(size=(3, 3)).astype("float32")
    expected = np.stack([module(jnp.asarray(x)) for x in xs])
    np.testing.assert_allclose(nirx.from_nir(graph, "numpy").run(xs)[0], expected, atol=1e-6)


@pytest.mark.parametrize("kind", [Named, type("Made", (eqx.nn.Linear,), {})])
def test_the_entry_of_the_base_counts(kind):
    graph = jax_to_nir(chain(kind(3, 2, key=KEY)), jnp.zeros(3))
    assert isinstance(graph.nodes["layers.0"], nir.Affine)


def test_the_users_entry_for_the_class_itself_counts():
    ones = {Twice: lambda module: nir.Linear(np.ones((2, 3), np.float32))}
    graph = jax_to_nir(chain(Twice(3, 2, key=KEY)), jnp.zeros(3), ones)
    assert graph.nodes["layers.0"].weight.tolist() == [[1, 1, 1], [1, 1, 1]]


class Rooted(eqx.nn.Linear):
    def __call__(self, x, *, key=None):
        return jnp.sin(super().__call__(x))


def test_refused_by_its_operation():
    with pytest.raises(nirx.UnsupportedError, match="sin"):
        jax_to_nir(chain(Rooted(3, 2, key=KEY)), jnp.zeros(3))
