"""slax's LIF steps as its preset says, and NIR neurons as slax's LIF step as nirx does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nirx
from nirx_conformance.libraries.check import assert_bridged, assert_same_steps
from nirx_conformance.libraries.neurons import around, drive, neuron
from support.bridges import (
    assert_gradients,
    assert_graph_agrees,
    assert_same_spikes,
    changed,
    scaled,
)

slax = pytest.importorskip("slax", reason="slax is installed by `make libraries` only")

import flax.linen as nn  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

import nirx_jax  # noqa: E402
from nirx.bridging.bridge import guess_bridge  # noqa: E402
from nirx_jax.bridges.slax import BRIDGE  # noqa: E402

KEY = jax.random.PRNGKey(0)
CELLS = [
    ({"init_tau": 1.5}, "slax.LIF"),
    ({"init_tau": np.linspace(-2, 4, 30), "v_threshold": 1.5}, "slax.LIF"),
    ({"init_tau": np.linspace(-2, 4, 30), "trainable_tau": True}, "slax.LIF"),
    ({"subtraction_reset": False}, "slax.LIF(subtraction_reset=False)"),
    ({"subtraction_reset": False, "v_reset": -0.3}, "slax.LIF(subtraction_reset=False)"),
]


def _bound(module, x, **options):
    return module.bind({"params": module.init(KEY, x, **options).get("params", {})})


@pytest.mark.parametrize("case", range(len(CELLS)))
def test_a_lif_steps_as_its_preset_says(case):
    options, preset = CELLS[case]
    cell = slax.LIF(**options)
    with jax.enable_x64(True):
        xs = drive(features=30) - 0.5
        params = cell.init(KEY, jnp.asarray(xs[0])).get("params", {})
        carry = {"Vmem": jnp.zeros(xs.shape[1:])}

        def step(carry, x):
            new, z = cell.apply({"params": params}, dict(carry), x)
            return new, (z, new["Vmem"])

        _, (spikes, v) = jax.lax.scan(step, carry, jnp.asarray(xs))
        graph = BRIDGE.export((cell, {"params": params}), (30,))
    assert nirx.schedule(graph).discretization == nirx.PRESETS[preset]
    assert_same_steps(graph, xs, {"lif": spikes}, {"lif.v": v})


RULES = [
    {},
    {"integrator": "exponential", "initial_v": "leak", "threshold": "ge"},
    {"reset": "subtract"},
    {"reset_when": "next-leaked"},
    {"reset": "subtract", "reset_when": "next-leaked", "threshold": "ge"},
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", ["I", "IF", "LI", "LIF"])
def test_nir_runs_on_slax_and_comes_back(kind, rule):
    d = nirx.Discretization(dt=1e-3, **rule)
    assert_bridged(BRIDGE, around(neuron(kind)), d, drive(), atol=1e-8)


def test_float32():
    assert_bridged(BRIDGE, around(neuron("LIF")), nirx.Discretization(dt=1e-3), drive(), "float32")


def test_an_if_that_subtracts_at_the_next_step_is_the_same():
    d = nirx.Discretization(dt=1e-3, reset="subtract", reset_when="next")
    assert_bridged(BRIDGE, around(neuron("IF")), d, drive())


REFUSED = [
    (neuron("LIF"), {"spikes": "multi"}, "spikes='multi'.*slax.LIF.*spikes='single'"),
    (neuron("LIF"), {"reset": "none"}, "reset='none'.*reset='value'"),
    (neuron("LIF"), {"reset_when": "next"}, "reset_when='next'.*reset_when='same'"),
    (neuron("LI"), {"output": "old", "reset": "none"}, "output='old'.*output='new'"),
    (changed(neuron("LIF"), tau=5e-4), {}, r"tau\[0\]=0.0005; slax.LIF.*nearest is tau=0.001"),
]


@pytest.mark.filterwarnings("ignore:.*forward Euler overshoots")
@pytest.mark.parametrize(("node", "rule", "text"), REFUSED)
def test_what_slax_cannot_do_is_refused_with_the_nearest(node, rule, text):
    with pytest.raises(nirx.UnsupportedError, match=f"'neuron': .*{text}"):
        assert_bridged(BRIDGE, around(node), nirx.Discretization(dt=1e-3, **rule), drive(10))


def test_a_start_above_the_threshold_is_refused_where_it_shows():
    d = nirx.Discretization(dt=1e-3, initial_v="leak", reset_when="next-leaked")
    node = neuron("LIF")
    node.v_leak = node.v_threshold + 1
    with pytest.raises(nirx.UnsupportedError, match=r"v_threshold\[0\].*resets at another time"):
        assert_bridged(BRIDGE, around(node), d, drive(10))
    assert_bridged(BRIDGE, around(node), replace(d, reset_when="same"), drive(300))


def test_changed_parameters_come_back():
    with jax.enable_x64(True):
        d = nirx.Discretization(dt=1e-3, threshold="gt")
        graph = around(neuron("LIF"))
        net = nirx_jax.from_nir(graph, d, "float64", node_map=BRIDGE.node_map)
        net = scaled(net, v_threshold=1.5)
        back = nirx_jax.to_nir(net)
        assert_same_spikes(net, drive(300), back, d)
    new, old = back.nodes["neuron"], graph.nodes["neuron"]
    np.testing.assert_allclose(new.v_threshold, 1.5 * old.v_threshold, rtol=1e-12)
    np.testing.assert_allclose(new.tau, old.tau, rtol=1e-12)


def test_gradients_pass():
    graph = around(neuron("LIF"))
    net = nirx_jax.from_nir(graph, nirx.Discretization(dt=1e-3), node_map=BRIDGE.node_map)
    assert_gradients(net, "tau", "v_threshold")


def _layers():
    lif = slax.LIF(init_tau=jnp.linspace(0, 3, 30), trainable_tau=True)
    hard = slax.LIF(subtraction_reset=False, v_reset=-0.3)
    return [nn.Dense(30), lif, nn.Dense(30), hard]


class _Own(nn.Module):
    """A skip connection in user code."""

    @nn.compact
    def __call__(self, x):
        a = slax.LIF()(nn.Dense(8)(x))
        return nn.Dense(3)(a + slax.LIF(init_tau=1.0)(nn.Dense(8)(a)))


MODELS = {
    "connect": lambda: slax.connect(_layers()),
    "recurrent": lambda: slax.connect(_layers(), p={0: [1], 2: [0, 3]}),
    "own": _Own,
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_runs_layer_by_layer_as_its_graph(name):
    xs = drive(200).astype("float32")
    model = _bound(MODELS[name](), jnp.asarray(xs[0]))
    graph = BRIDGE.export(model, None)
    outputs = BRIDGE.run(model, xs, "float64")
    assert set(outputs) <= set(graph.nodes)
    assert_graph_agrees(graph, xs, outputs)


def test_the_model_inside_an_rnn_is_found():
    xs = drive(50).astype("float32")
    rnn = slax.RNN(slax.connect(_layers()))
    variables = rnn.init(KEY, jnp.asarray(xs))
    graph = BRIDGE.export((rnn, {"params": variables["params"]}), None)
    ours, _ = nirx.from_nir(graph, "numpy", dtype="float32").run(xs)
    fresh = {k: v if k == "params" else _zeros(v) for k, v in variables.items()}
    theirs = rnn.apply(fresh, jnp.asarray(xs), mutable=["carry"])
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    assert int((np.asarray(theirs) != ours).sum()) == 0


def _zeros(tree):
    return jax.tree.map(jnp.zeros_like, tree)


def _parameters(module, x):
    return {"params": module.init(KEY, x)["params"]}


@pytest.mark.parametrize("bound", [True, False])
def test_a_users_linen_module_belongs_to_slax(bound):
    x = jnp.ones((1, 5))
    given = _bound(_Own(), x) if bound else (_Own(), _parameters(_Own(), x))
    assert guess_bridge(given) == "slax"
    moved = nirx.move(given, "torch")
    assert moved.source == "slax"
    assert moved.fidelity != "different"


def test_a_module_without_its_variables_is_asked_for_them():
    with pytest.raises(nirx.InputError, match=r"a _Own; .*module.bind\(variables\)"):
        nirx.move(_Own(), "torch")


class _Normed(nn.Module):
    """Both places where linen takes the choice from."""

    now: bool = True

    @nn.compact
    def __call__(self, x):
        x = slax.LIF()(nn.BatchNorm(use_running_average=self.now)(nn.Dense(8)(x)))
        return nn.BatchNorm(use_scale=False, use_bias=False)(nn.Dense(3)(x), self.now)


def _normed(now=True):
    module = _Normed(now)
    x = jnp.ones((1, 5))
    variables = module.init(KEY, x)
    rows = np.random.default_rng(0)
    drawn = {
        name: jax.tree.map(lambda a: rows.uniform(0.5, 1.5, a.shape).astype("float32"), part)
        for name, part in variables.items()
        if name != "carry"
    }
    return module, drawn


def test_batch_norm_with_its_running_statistics_is_an_affine():
    model = _normed()
    xs = drive(100).astype("float32")
    graph = BRIDGE.export(model, None)
    own = BRIDGE.run(model, xs, "float64")
    assert {"BatchNorm_0", "BatchNorm_1"} <= set(own) <= set(graph.nodes)
    assert_graph_agrees(graph, xs, own)


def test_batch_norm_in_training_is_refused():
    with pytest.raises(nirx.UnsupportedError, match=r"BatchNorm_0: .*use_running_average=True"):
        BRIDGE.export(_normed(False), None)


def test_an_unused_carry_gives_a_warning():
    module = slax.connect([nn.Dense(4), slax.LIF()])
    variables = module.init(KEY, jnp.full((1, 5), 0.5))
    with pytest.warns(UserWarning, match='the collection "carry" .* is left out') as seen:
        graph = BRIDGE.export((module, variables), None)
    assert len(seen) == 1
    assert nirx.same_graph(graph, BRIDGE.export((module, {"params": variables["params"]}), None))


def test_errors_of_the_models_code_name_the_model():
    model = _Own(), _parameters(_Own(), jnp.ones((1, 5)))
    with pytest.raises(nirx.InputError, match=r"_Own: .*shape \(7,\) fails .*input_shape=") as e:
        BRIDGE.export(model, (7,))
    assert isinstance(e.value.__cause__, Exception)
    with pytest.raises(nirx.InputError, match=r"_Own: .*shape \(4, 7\) fails"):
        BRIDGE.run(model, np.zeros((2, 4, 7)), "float32")


UNKNOWN = [
    (slax.LTC(is_recurrent=False), "LTC adapts its threshold"),
    (slax.LIF(spike_fn=nn.sigmoid), "spike_fn that is not a step"),
    (slax.LIF(carry_init=nn.initializers.ones_init()), "carry_init"),
    (slax.LIF(init_tau=jnp.array([1.0] * 4 + [jnp.inf])), "no time constant"),
]


@pytest.mark.parametrize(("cell", "text"), UNKNOWN)
def test_what_nir_cannot_represent_is_refused_by_name(cell, text):
    model = slax.connect([nn.Dense(5), cell])
    variables = {"params": model.init(KEY, jnp.ones((1, 5))).get("params", {})}
    with pytest.raises(nirx.UnsupportedError, match=f"chain_1: .*{text}"):
        BRIDGE.export((model, variables), (5,))


def test_a_convolution_is_refused_by_name():
    model = slax.connect([nn.Conv(3, (3, 3)), slax.LIF()])
    variables = {"params": model.init(KEY, jnp.ones((1, 4, 4, 2)))["params"]}
    with pytest.raises(nirx.UnsupportedError, match=r"chain_0: .*channels last"):
        BRIDGE.export((model, variables), (4, 4, 2))


def test_init_leaves_a_carry_that_has_run_a_step():
    """Which is why a fresh carry is zero here, and not what init gives."""
    variables = slax.LIF().init(KEY, jnp.full((1, 3), 0.5))
    assert np.asarray(variables["carry"]["Vmem"]).all()
