"""MODULE_MAP: the node of each Equinox module computes the same as the module."""

# equinox's and nir's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
import nirx_jax
from nirx_jax import MODULE_MAP, jax_to_nir
from support.jax_modules import RULE, Block, Holds, Stepping, data, linear, native, step_by_step

KEY = jax.random.key(7)


def conv1(*arguments: Any, **options: Any) -> eqx.nn.Conv1d:
    return eqx.nn.Conv1d(*arguments, key=KEY, **options)


def conv2(*arguments: Any, **options: Any) -> eqx.nn.Conv2d:
    return eqx.nn.Conv2d(*arguments, key=KEY, **options)


MODULES = {
    "Linear": (lambda: eqx.nn.Linear(3, 4, key=KEY), (3,), nir.Affine),
    "Linear without bias": (lambda: eqx.nn.Linear(3, 4, use_bias=False, key=KEY), (3,), nir.Linear),
    "Conv1d": (lambda: conv1(2, 3, 3), (2, 9), nir.Conv1d),
    "Conv1d all": (lambda: conv1(4, 6, 3, 2, 1, 2, 2), (4, 9), nir.Conv1d),
    "Conv1d same": (lambda: conv1(2, 3, 4, padding="SAME"), (2, 9), nir.Conv1d),
    "Conv1d same as pairs": (lambda: conv1(2, 3, 4, padding=((1, 2),)), (2, 9), nir.Conv1d),
    "Conv1d valid": (lambda: conv1(2, 3, 4, padding="VALID", stride=2), (2, 9), nir.Conv1d),
    "Conv2d": (lambda: conv2(2, 3, (2, 3)), (2, 6, 7), nir.Conv2d),
    "Conv2d all": (lambda: conv2(4, 6, (3, 2), (1, 2), (2, 1), (2, 3), 2), (4, 8, 9), nir.Conv2d),
    "Conv2d pairs": (lambda: conv2(2, 3, 3, padding=((1, 1), (2, 2))), (2, 6, 7), nir.Conv2d),
    "Conv2d same": (lambda: conv2(2, 3, (2, 3), padding="SAME", dilation=2), (2, 6, 7), nir.Conv2d),
    "Conv2d same lower": (lambda: conv2(2, 3, 3, padding="SAME_LOWER"), (2, 6, 7), nir.Conv2d),
    "Conv2d without bias": (lambda: conv2(2, 3, 3, use_bias=False), (2, 6, 7), nir.Conv2d),
    "Conv of one axis": (lambda: eqx.nn.Conv(1, 2, 3, 3, key=KEY), (2, 9), nir.Conv1d),
    "AvgPool2d": (lambda: eqx.nn.AvgPool2d(2, 2), (2, 6, 7), nir.AvgPool2d),
    "AvgPool2d of stride 1": (lambda: eqx.nn.AvgPool2d((2, 3)), (2, 6, 7), nir.AvgPool2d),
    "AvgPool2d padded": (lambda: eqx.nn.AvgPool2d(3, 2, (1, 2)), (2, 6, 7), nir.AvgPool2d),
}


QUICK = ("Linear", "Conv1d all", "Conv2d all", "Conv2d same", "AvgPool2d padded")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in QUICK else pytest.mark.exhaustive) for n in MODULES],
)
@pytest.mark.sampled(3)
def test_defaults_compute_the_same(name):
    make, shape, kind = MODULES[name]
    module = make()
    x = data(*shape)
    graph = jax_to_nir(Holds(module), x)
    assert type(graph.nodes["module"]) is kind
    nirx.check(graph)
    for backend in ("numpy", "jax"):
        y, _ = nirx.from_nir(graph, backend=backend, discretization=RULE)(x)
        assert y.shape == module(x).shape
        assert np.allclose(y, module(jnp.asarray(x)), rtol=1e-5, atol=1e-6)


def test_equinox_counts_the_padding_of_a_pool():
    # 3x3 windows around the corner of ones: 4 of 9 places are inside.
    assert float(eqx.nn.AvgPool2d(3, 1, 1)(jnp.ones((1, 4, 4)))[0, 0, 0]) == pytest.approx(4 / 9)


@pytest.mark.slow
def test_a_convolution_without_bias_has_zeros():
    node = jax_to_nir(conv2(2, 3, 3, use_bias=False), data(2, 5, 5))
    assert node.bias.tolist() == [0, 0, 0]
    assert node.bias.dtype == np.float32
    assert jax_to_nir(conv2(2, 3, 3), data(2, 5, 5)).bias.shape == (3,)


REFUSED = {
    "scalar in": (lambda: eqx.nn.Linear("scalar", 4, key=KEY), (), "in_features='scalar'"),
    "scalar out": (lambda: eqx.nn.Linear(3, "scalar", key=KEY), (3,), "out_features='scalar'"),
    "padding mode": (
        lambda: conv1(2, 3, 3, padding=1, padding_mode="CIRCULAR"),
        (2, 9),
        "padding_mode='CIRCULAR'",
    ),
    "uneven": (
        lambda: conv1(2, 3, 3, padding=((1, 0),)),
        (2, 9),
        r"padding=\(\(1, 0\),\)",
    ),
    "same with stride": (
        lambda: conv1(2, 3, 3, 2, padding="SAME"),
        (2, 9),
        "padding='SAME' and a stride",
    ),
    "same lower": (lambda: conv1(2, 3, 4, padding="SAME_LOWER"), (2, 9), "of an odd width"),
    "three axes": (lambda: eqx.nn.Conv3d(1, 1, 2, key=KEY), (1, 4, 4, 4), "num_spatial_dims=3"),
    "ceil": (lambda: eqx.nn.AvgPool2d(2, 2, use_ceil=True), (1, 5, 5), "use_ceil=True"),
    "uneven pool": (
        lambda: eqx.nn.AvgPool2d(2, 2, padding=((1, 0), (0, 0))),
        (1, 5, 5),
        "pads both sides equally",
    ),
    "dropout": (
        lambda: eqx.nn.Dropout(0.5),
        (3,),
        r"random in training; use eqx\.nn\.inference_mode",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_options_that_nir_cannot_express_are_refused_with_the_place(name):
    make, shape, text = REFUSED[name]
    with pytest.raises(nirx.UnsupportedError, match=rf"^module: .*{text}"):
        jax_to_nir(Holds(make()), jnp.ones(shape))


@pytest.mark.parametrize(
    "module",
    [eqx.nn.Identity(), eqx.nn.Dropout(0.5, inference=True), eqx.nn.Dropout(0.0)],
    ids=["Identity", "Dropout in inference", "Dropout of nothing"],
)
def test_modules_that_do_nothing_in_inference_are_bypassed(module):
    graph = jax_to_nir(eqx.nn.Sequential([module, linear(3, 4), module]), jnp.ones(3))
    assert graph.edges == [("input", "layers.1"), ("layers.1", "output")]
    with pytest.raises(nirx.UnsupportedError, match="bypassed, so there is nothing to export"):
        jax_to_nir(module, jnp.ones(3))


@pytest.mark.slow
def test_a_call_overrides_a_dropouts_mode():
    def calls(inference):
        dropout = eqx.nn.Dropout(0.5, inference=not inference)
        return Holds(dropout, lambda dropout, x: dropout(x, key=KEY, inference=inference))

    assert list(jax_to_nir(calls(True), jnp.ones(3)).nodes) == ["input", "output"]
    with pytest.raises(nirx.UnsupportedError, match="has no NIR node"):
        jax_to_nir(calls(False), jnp.ones(3))


def test_inference_mode_of_the_model_makes_it_exportable():
    model = eqx.nn.Sequential([eqx.nn.Linear(3, 4, key=KEY), eqx.nn.Dropout(0.5)])
    graph = jax_to_nir(eqx.nn.inference_mode(model), jnp.ones(3))
    assert list(graph.nodes) == ["input", "layers.0", "output"]


@pytest.mark.slow
def test_sequential_and_lambda_are_traced_through():
    model = eqx.nn.Sequential(
        [
            conv2(1, 2, 3),
            eqx.nn.AvgPool2d(2, 2),
            eqx.nn.Lambda(jnp.ravel),
            eqx.nn.Sequential([eqx.nn.Linear(8, 3, key=KEY), eqx.nn.Identity()]),
        ]
    )
    x = data(1, 6, 6)
    graph = jax_to_nir(model, x)
    names = ["input", "layers.0", "layers.1", "flatten", "layers.3.layers.0", "output"]
    assert list(graph.nodes) == names
    assert type(graph.nodes["flatten"]) is nir.Flatten
    y, _ = nirx.from_nir(graph, backend="jax", discretization=RULE)(x)
    assert np.allclose(y, model(jnp.asarray(x)), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("pool", [(2, 2), (3, 2, 1), ((2, 1), 1)], ids=str)
def test_max_pooling_of_spikes(pool):
    layer = eqx.nn.MaxPool2d(*pool)
    model, x = Block((Spikes(), layer)), data(2, 6, 7)
    graph = jax_to_nir(model, x, {Spikes: lambda m: nir.Threshold(np.array(0.9))})
    y, _ = nirx.from_nir(graph, backend="jax", discretization=RULE)(x)
    expected = model(jnp.asarray(x))
    assert 0 < expected.mean() < 1
    assert np.array_equal(y, expected)
    with pytest.raises(nirx.UnsupportedError, match="module: the maximum over a window has no NIR"):
        jax_to_nir(Holds(layer), x)


class Spikes(eqx.Module):
    def __call__(self, x):
        return (x > 0.9).astype(x.dtype)


def test_random_keys_are_not_inputs():
    class Keyed(eqx.Module):
        fc: eqx.nn.Linear
        dropout: eqx.nn.Dropout

        def __call__(self, x, *, key=None):
            a, b = jax.random.split(jax.random.key(0) if key is None else key)
            return self.dropout(self.fc(x, key=a), key=b)

    model = Keyed(eqx.nn.Linear(3, 4, key=KEY), eqx.nn.Dropout(0.5, inference=True))
    assert list(jax_to_nir(model, jnp.ones(3)).nodes) == ["input", "fc", "output"]


def test_an_mlp_without_activation_is_its_layers():
    mlp = eqx.nn.MLP(3, 2, 4, 1, activation=lambda x: x, key=KEY)
    assert list(jax_to_nir(mlp, jnp.ones(3)).nodes) == ["input", "layers.0", "layers.1", "output"]


def test_networks_and_nodes_of_nirx(loop):
    net = nirx_jax.from_nir(loop, RULE)
    assert jax_to_nir(net, jnp.ones(3)).edges == loop.edges

    def step(module, x, state):
        y, inner = module["net"](x, state["net"])
        y, own = module["node"](y, state["node"])
        return y, {"net": inner, "node": own}

    model = Stepping({"net": net, "node": native()}, step)
    state = {"net": net.init_state(), "node": None}
    graph = jax_to_nir(model, jnp.ones(3), example_state=state, discretization=RULE)
    assert isinstance(graph.nodes["module.net"], nir.NIRGraph)
    xs = jnp.asarray(data(20, 3))
    found = step_by_step(nirx_jax.from_nir(graph), xs, None)
    assert np.array_equal(found, step_by_step(model, xs, state))


def test_register_adds_new_types_and_refuses_known_ones():
    own = MODULE_MAP.copy()
    own.register(eqx.nn.LayerNorm, None)
    with pytest.raises(nirx.InputError, match="Linear has an entry already"):
        own.register(eqx.nn.Linear, None)
    model = eqx.nn.Sequential([eqx.nn.LayerNorm(3), eqx.nn.Linear(3, 4, key=KEY)])
    graph = jax_to_nir(model, jnp.ones(3), default_map=own)
    assert list(graph.nodes) == ["input", "layers.1", "output"]
    assert eqx.nn.LayerNorm not in MODULE_MAP


class Leaky(eqx.Module):
    def __call__(self, x, state):
        v = 0.5 * state + x
        return v, v


def test_a_constant_state_is_refused():
    one = np.ones(2)
    exporters = {Leaky: lambda m: nir.LI(one, one, 0 * one)}
    with pytest.raises(nirx.UnsupportedError, match="starts every step from a nonzero state"):
        jax_to_nir(Holds(Leaky(), lambda m, x: m(x, jnp.full(2, 0.5))[0]), jnp.ones(2), exporters)


def test_parameters_of_anything_but_a_network_are_refused():
    with pytest.raises(nirx.InputError, match="a Leaky did not come from NIR"):
        nirx_jax.parameters_to_numpy(Leaky())  # type: ignore[arg-type]
