"""jax_to_nir: a membrane potential that a call returns is kept as a recording, or as an LI."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import json
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
from nirx.graphs.returns import RETURNS_KEY
from nirx.graphs.rules import with_rule
from nirx_jax import jax_to_nir
from support.jax_modules import LIF, MAP, RULE, lif, lif_node, linear

KEPT = pytest.warns(nirx.NirxWarning, match=r"kept as recordings")


class Net(eqx.Module):
    fc: eqx.nn.Linear
    lif: LIF
    returned: Any = eqx.field(static=True)

    def __call__(self, x: jax.Array, state: Any) -> Any:
        spikes, v = self.lif(self.fc(x), state)
        return self.returned(spikes, v), v


def model(returned: Any) -> Net:
    return Net(linear(3, 4, 3), lif(), returned)


def run(net: Net, xs: np.ndarray) -> Any:
    rows, state = [], jnp.zeros(4)
    for x in xs:
        y, state = net(jnp.asarray(x), state)
        rows.append(y)
    return jax.tree.map(lambda *parts: np.stack(parts), *rows)


@pytest.mark.parametrize(
    ("returned", "keys"),
    [
        (lambda s, v: (s, v), ["output", "lif.v"]),
        (lambda s, v: {"spk": s, "mem": v}, {"mem": "lif.v", "spk": "output"}),
        (lambda s, v: v, "lif.v"),
        (lambda s, v: (s, (2 * s, v)), ["output_0", ["output_1_0", "lif.v"]]),
        (
            lambda s, v: {"a": {"z": s, "v": v}, "b": {"z": 2 * s}},  # one name at two places
            {"a": {"v": "lif.v", "z": "z"}, "b": {"z": "z_1"}},
        ),
    ],
)
def test_the_graph_names_it_and_networks_return_it(returned, keys):
    net = model(returned)
    with KEPT:
        graph = jax_to_nir(net, jnp.zeros(3), MAP, example_state=jnp.zeros(4), discretization=RULE)
    assert json.loads(graph.metadata[RETURNS_KEY]) == keys
    xs = 5 * np.random.default_rng(0).random((60, 3)).astype(np.float32)
    found = nirx.from_nir(graph, "numpy").run(xs)[0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found, run(net, xs))


def never_resets(module: LIF) -> Any:
    return with_rule(lif_node(module), nirx.Discretization(dt=RULE.dt, reset="none"))


@pytest.mark.parametrize("returned", [lambda s, v: v, lambda s, v: 2 * v])
def test_a_membrane_that_never_resets_is_an_li(returned):
    graph = jax_to_nir(
        model(returned), jnp.zeros(3), {LIF: never_resets}, example_state=jnp.zeros(4)
    )
    assert type(graph.nodes["lif"]) is nir.LI
    assert RETURNS_KEY not in graph.metadata


def test_spikes_and_membrane_as_values_are_refused():
    net = model(lambda s, v: s + v)
    with pytest.raises(nirx.UnsupportedError, match=r"lif: its spikes and its membrane potential"):
        jax_to_nir(net, jnp.zeros(3), {LIF: never_resets}, example_state=jnp.zeros(4))
