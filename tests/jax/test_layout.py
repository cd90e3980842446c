"""jax_to_nir: ways to flatten, with axes of size 1 and permutations before, or after, a Linear."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import nirx
from nirx_jax import jax_to_nir
from support.jax_modules import data, linear

SHAPE = (2, 3, 4)


class Two(eqx.Module):
    fc: Any
    o: Any
    conv: Any
    call: Any = eqx.field(static=True)

    def __call__(self, x):
        return self.call(self, x)


def two(call: Any) -> Two:
    import jax

    conv = eqx.nn.Conv2d(2, 2, 3, padding=1, key=jax.random.key(5))
    return Two(linear(24, 5), linear(5, 24, seed=1), conv, call)


FORMS = {
    "reshape(-1)": lambda m, x: m.fc(x.reshape(-1)),
    "ravel": lambda m, x: m.fc(jnp.ravel(x)),
    "flatten": lambda m, x: m.fc(x.flatten()),
    "squeeze of a new axis": lambda m, x: m.fc(jnp.squeeze(x[None]).reshape(-1)),
    "expand_dims": lambda m, x: m.fc(jnp.expand_dims(x, 1).reshape(-1)),
    "in two steps": lambda m, x: m.fc(x.reshape(6, 4).reshape(-1)),
    "split and joined": lambda m, x: m.fc(x.reshape(4, 6).ravel()),
    "transpose": lambda m, x: m.fc(jnp.transpose(x, (1, 2, 0)).reshape(-1)),
    "all axes": lambda m, x: m.fc(x.T.ravel()),
    "moveaxis": lambda m, x: m.fc(jnp.moveaxis(x, 0, -1).ravel()),
    "swapaxes, scaled": lambda m, x: m.fc(-2 * jnp.swapaxes(x, 0, 2).ravel()),
    "flip": lambda m, x: m.fc(x[:, ::-1].ravel()),
    "of a convolution": lambda m, x: m.fc(m.conv(x).transpose(1, 2, 0).ravel()),
    "there and back": lambda m, x: m.fc(m.conv(x.T.T).ravel()),
    "weight @ x": lambda m, x: m.fc.weight @ x.T.ravel(),
    "no layer after": lambda m, x: x.T.ravel(),
    "of a Linear": lambda m, x: m.o(m.fc(x.ravel())).reshape(4, 6).T.ravel(),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.sampled(3)
def test_a_form_of_flattening_gives_jaxs_numbers(name):
    m, xs = two(FORMS[name]), data(3, *SHAPE)
    graph = jax_to_nir(m, xs[0])
    found, _ = nirx.from_nir(graph, backend="numpy", discretization=nirx.Discretization()).run(xs)
    own = np.stack([np.asarray(m(x)) for x in xs])
    np.testing.assert_allclose(found, own, rtol=1e-5, atol=1e-6)


def test_a_permutation_costs_no_node_beside_a_linear():
    for name in ("transpose", "of a Linear"):
        graph = jax_to_nir(two(FORMS[name]), jnp.zeros(SHAPE))
        kinds = {type(node).__name__ for node in graph.nodes.values()}
        assert kinds == {"Input", "Flatten", "Affine", "Output"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x: x.reshape(4, 6), r"^reshape at test_layout.py:\d+ reshapes"),
        (lambda m, x: m.conv(x.transpose(2, 0, 1)), r"^transpose at test_layout.py:\d+ permutes"),
    ],
)
def test_a_layout_that_nir_lacks_is_refused_with_its_line(call, message):
    shape = (3, 4, 2) if "conv" in call.__code__.co_names else SHAPE
    with pytest.raises(nirx.UnsupportedError, match=message):
        jax_to_nir(two(call), jnp.zeros(shape))
