"""Rockpool's LIFJax steps as its preset says, and NIR neurons as LIFJax step as nirx does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nirx
from nirx_conformance.libraries.check import assert_bridged, assert_same_steps
from nirx_conformance.libraries.neurons import NEURONS, alone, around, drive, neuron
from support.bridges import assert_gradients, assert_graph_agrees, changed, scaled

pytest.importorskip("rockpool", reason="rockpool is installed by `make libraries` only")

import jax
import jax.numpy as jnp
from rockpool.nn.combinators import Sequential
from rockpool.nn.modules import ExpSynJax, LIFJax, LIFODEJax, LinearJax, RateJax

import nirx_jax
from nirx_jax.bridges.rockpool import BRIDGE

# LIFJax measures a tuple by jnp.size, which JAX deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:(size|shape) requires ndarray:DeprecationWarning")

TAUS = {"tau_mem": np.linspace(2e-3, 2e-2, 30), "tau_syn": np.linspace(1e-2, 3e-3, 30)[:, None]}
CELLS = [
    {},
    {**TAUS, "threshold": np.linspace(0.5, 2, 30), "bias": 0.05},
    {**TAUS, "max_spikes_per_dt": 1.0},
    {**TAUS, "max_spikes_per_dt": 3.0, "dt": 2e-3},
    {**TAUS, "max_spikes_per_dt": 1.0, "has_rec": True, "w_rec": -0.2 * np.eye(30)[::-1]},
]


@pytest.mark.filterwarnings("ignore:nirx has no formula")  # one for thresholds that differ
@pytest.mark.parametrize("options", CELLS)
@pytest.mark.parametrize("kind", [LIFJax, LIFODEJax])
def test_a_neuron_steps_as_its_preset_says(kind, options):
    cell = kind(30, **options)
    graph = BRIDGE.export(cell)
    # Where the spikes of a step are counted, float32 sees other ties: few of them in few steps.
    steps = 1000 if options.get("max_spikes_per_dt") == 1 else 100
    strength = 10 if kind is LIFODEJax else 1  # it multiplies its input by dt / tau, twice
    xs = (strength * (0.5 * drive(steps, features=30) - 0.6)).astype("float32")
    y, _, record = cell.reset_state().evolve(jnp.asarray(xs).swapaxes(0, 1), record=True)
    most = options.get("max_spikes_per_dt", 2**16)
    expected = replace(nirx.PRESETS["rockpool.LIFTorch"], dt=cell.dt)
    spikes = {"spikes": "single", "max_spikes": None} if most == 1 else {"max_spikes": int(most)}
    assert nirx.schedule(graph).discretization == replace(expected, **spikes)
    name = kind.__name__.lower() + ("/neuron" if "has_rec" in options else "")
    v = np.asarray(record["vmem"]).swapaxes(0, 1)
    spikes = np.asarray(y).swapaxes(0, 1)
    scale = max(1.0, float(np.abs(v).max()))
    assert_same_steps(
        graph, xs, {name: spikes}, {f"{name}.v": v}, "float32", 5e-6 * scale, busy=False
    )
    assert 0.005 < (spikes > 0).mean() < 0.95


# In float32, which is all that LIFJax has, a neuron that never forgets adds up its rounding.
STEPS = {"IF": 100, "I": 100}
RULES = [
    {},
    {"integrator": "exponential", "initial_v": "leak", "threshold": "ge", "synapse_input": "jump"},
    {"spikes": "multi", "synapse_input": "jump-then-decay"},
    {"spikes": "multi", "max_spikes": 2},
    {"reset_when": "next-leaked"},
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", NEURONS)
def test_nir_runs_on_rockpool_and_comes_back(kind, rule):
    d = nirx.Discretization(dt=1e-3, reset="subtract", **rule)
    xs = drive(STEPS.get(kind, 200 if "spikes" in rule else 1000), seed=1)
    assert_bridged(BRIDGE, around(neuron(kind, 1)), d, xs, "float32", atol=1e-3)


SUBTRACT = {"reset": "subtract"}
REFUSED = [
    (neuron("LIF"), {}, "reset='value'; rockpool.LIFJax.*reset='subtract'"),
    (neuron("LIF"), SUBTRACT | {"reset_when": "next"}, "reset_when='next'.*reset_when='same'"),
    (
        neuron("CubaLIF"),
        SUBTRACT | {"synapse": "voltage-first"},
        "synapse='voltage-first'.*synapse='current-first'",
    ),
    (neuron("LI"), {"output": "old", "reset": "none"}, "output='old'.*output='new'"),
    (changed(neuron("LIF"), tau=1e-3), SUBTRACT, r"tau\[0\]=0.001; .*tau > dt"),
    (
        changed(neuron("LIF"), v_threshold=-0.5),
        SUBTRACT,
        r"v_threshold\[0\]=-0.5; .*v_threshold > 0",
    ),
    (changed(neuron("LIF"), v_threshold=1e-7), SUBTRACT, r"\[0\]=1e-07; .*>= 1e-05"),
]


@pytest.mark.parametrize(("node", "rule", "text"), REFUSED)
def test_what_rockpool_cannot_do_is_refused_with_the_nearest(node, rule, text):
    d = nirx.Discretization(dt=1e-3, **rule)
    with pytest.raises(nirx.UnsupportedError, match=f"'neuron': .*{text}"):
        assert_bridged(BRIDGE, around(node), d, drive(10), "float32")


@pytest.mark.parametrize("shape", [(2, 1, 3), (2, 3), ()])
@pytest.mark.parametrize("batch", [(), (4,)])
def test_features_have_any_number_of_axes(shape, batch):
    d = nirx.Discretization(dt=1e-3, reset="subtract")
    graph, xs = alone(shape)
    node = graph.nodes["neuron"]
    node.v_threshold = np.linspace(0.3, 1, node.r.size).reshape(shape)
    assert_bridged(BRIDGE, graph, d, xs if batch else xs[:, 0], "float32")


def test_a_layer_without_neurons():
    d = nirx.Discretization(dt=1e-3, reset="subtract")
    assert nirx.move(alone((0,))[0], "rockpool-jax", discretization=d).fidelity == "exact"


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_changed_parameters_come_back(kind):
    d = nirx.Discretization(dt=1e-3, reset="subtract")
    graph = around(neuron(kind))
    net = nirx_jax.from_nir(graph, d, node_map=BRIDGE.node_map)
    net = scaled(net, threshold=1.5)
    new, old = nirx_jax.to_nir(net).nodes["neuron"], graph.nodes["neuron"]
    for name, factor in (("v_threshold", 1.5), ("v_leak", 1), ("r", 1)):
        own = getattr(new, name) * (new.w_in if name == "r" and kind == "CubaLIF" else 1)
        was = getattr(old, name) * (old.w_in if name == "r" and kind == "CubaLIF" else 1)
        np.testing.assert_allclose(own, factor * was, rtol=1e-4)


def test_gradients_pass():
    d = nirx.Discretization(dt=1e-3, reset="subtract")
    net = nirx_jax.from_nir(around(neuron("LIF")), d, node_map=BRIDGE.node_map)
    assert_gradients(net, "tau_mem", "threshold", "bias")


def test_a_model_runs_layer_by_layer_as_its_graph():
    np.random.seed(0)  # noqa: NPY002  where Rockpool draws its weights
    model = Sequential(
        LinearJax((5, 30)),
        LIFJax(30, tau_mem=5e-3, tau_syn=5e-3),
        LinearJax((30, 20), has_bias=True),
        Sequential(LIFJax(20, max_spikes_per_dt=1.0, has_rec=True), LinearJax((20, 4))),
        ExpSynJax(4),
    )
    xs = (drive(200) / 8).astype("float32")
    graph = BRIDGE.export(model)
    outputs = BRIDGE.run(model, xs, "float32")
    atol = 1e-4 * float(np.abs(outputs["output"]).max())
    assert_graph_agrees(graph, xs, outputs, atol, atol)


def test_a_linear_with_bias_loses_it_under_jit():
    """Which is why the bridge runs evolve without; it fails when Rockpool fixes it."""
    layer = LinearJax((2, 2), weight=np.eye(2), bias=np.ones(2))
    x = jnp.ones((1, 3, 2))
    y = jax.jit(lambda m, x: m.evolve(x)[0])(layer, x)
    np.testing.assert_allclose(layer.evolve(x)[0] - y, 1.0)


def test_rockpool_drops_recurrent_weights_from_its_graph():
    cell = LIFJax(3, has_rec=True, w_rec=np.ones((3, 3)))
    held = cell.as_graph()
    assert "LinearWeights" not in str(list(held.input_nodes[0].sink_modules))
    assert BRIDGE.export(cell).nodes["lifjax"].nodes["recurrent"].weight.any()


def test_errors_of_the_models_code_name_the_model():
    model = Sequential(LinearJax((5, 30)), LIFJax(30))
    with pytest.raises(nirx.InputError, match=r"JaxSequential: .*shape \(4, 2, 7\) fails") as e:
        BRIDGE.run(model, np.zeros((2, 4, 7)), "float32")
    assert isinstance(e.value.__cause__, Exception)


UNKNOWN = [
    (lambda: LIFJax(4, noise_std=0.1), "noise_std=0.1"),
    (lambda: LIFJax((8, 4)), "2 synapses"),
    (lambda: RateJax(4), "RateJax has no NIR node"),
]


@pytest.mark.parametrize(("build", "text"), UNKNOWN)
def test_what_nir_cannot_represent_is_refused_by_name(build, text):
    layer = build()
    model = Sequential(LinearJax((5, layer.size_in)), layer)
    with pytest.raises(nirx.UnsupportedError, match=f"1_{type(layer).__name__}: .*{text}"):
        BRIDGE.export(model)
