"""spyx's neurons step as their presets say, and NIR neurons as spyx's step as nirx does."""

from __future__ import annotations

import copy

import nir
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

pytest.importorskip("spyx", reason="spyx is installed by `make libraries` only")

import jax
import jax.numpy as jnp
import spyx.nir
import spyx.nn as sn
from flax import nnx

import nirx_jax
from nirx_jax.bridges.spyx import BRIDGE

R = nnx.Rngs(0)
SIZE = (30,)
CELLS = [
    (sn.IF(SIZE, 4.0), "IF"),
    (sn.LIF(SIZE, rngs=R), "LIF"),
    (sn.LIF(SIZE, beta=0.9, threshold=np.linspace(0.5, 3, 30), rngs=R), "LIF"),
    (sn.CuBaLIF(SIZE, rngs=R), "CuBaLIF"),
    (sn.RIF(SIZE, 4.0, rngs=R), "RIF"),
    (sn.RLIF(SIZE, rngs=R), "RLIF"),
    (sn.RCuBaLIF(SIZE, rngs=R), "RCuBaLIF"),
    (sn.PSU_LIF(SIZE, rngs=R), "PSU_LIF"),
    (sn.LI(SIZE, rngs=R), "LI"),
]


@pytest.mark.parametrize("case", range(len(CELLS)))
def test_a_neuron_steps_as_its_preset_says(case):
    given, kind = CELLS[case]
    xs = drive(features=30) - 0.8
    with jax.enable_x64(True):
        graph_def, state = nnx.split(given)
        widened = jax.tree.map(lambda a: a.astype("float64"), state)
        cell = nnx.merge(graph_def, widened)

        def step(state, x):
            y, state = cell(x, state)
            return state, (y, state)

        _, (y, states) = jax.lax.scan(step, cell.initial_state(4), jnp.asarray(xs))
    graph = BRIDGE.export(given, (30,))
    base = nirx.PRESETS[f"spyx.{kind}"]
    assert nirx.schedule(graph).discretization == base
    name = kind.lower()
    at, key = (f"{name}/neuron", f"{name}/delay") if kind[0] == "R" else (name, name)
    v, *i = np.split(np.asarray(states), 2, -1) if "CuBa" in kind else (np.asarray(states),)
    scale = max(1.0, float(np.abs(np.asarray(states)).max()))
    recorded = {f"{at}.v": v} | ({f"{at}.i": i[0]} if i else {})
    assert_same_steps(graph, xs, {key: y}, recorded, atol=1e-6 * scale)


LATE = {"reset": "subtract", "output": "old"}
RULES = {
    "IF": [{"reset_when": "next"}, {"reset_when": "next-leaked", "threshold": "ge"}],
    "LIF": [
        {"reset_when": "next"},
        {"reset_when": "next", "threshold": "ge", "integrator": "exponential"},
        {"reset_when": "next", "initial_v": "leak"},
    ],
    "CubaLIF": [
        {"reset_when": "next-leaked"},
        {"reset_when": "next-leaked", "synapse_input": "jump", "threshold": "ge"},
        {"reset_when": "next-leaked", "synapse_input": "jump-then-decay", "initial_v": "leak"},
        {"reset_when": "next-leaked", "integrator": "exponential"},
    ],
}
NOW = [
    (kind, rule)
    for kind in ("I", "LI", "IF", "LIF")
    for rule in (
        {"reset": "none"},
        {"reset": "none", "integrator": "exponential", "initial_v": "leak", "threshold": "ge"},
    )
]
ALL = [(kind, LATE | rule) for kind, rules in RULES.items() for rule in rules] + NOW


@pytest.mark.parametrize(("kind", "rule"), ALL)
def test_nir_runs_on_spyx_and_comes_back(kind, rule):
    d = nirx.Discretization(dt=1e-3, **rule)
    assert_bridged(BRIDGE, around(neuron(kind)), d, drive(), atol=1e-8)


def test_float32():
    d = nirx.Discretization(dt=1e-3, reset_when="next", **LATE)
    assert_bridged(BRIDGE, around(neuron("LIF")), d, drive(), "float32")


REFUSED = [
    (
        neuron("LIF"),
        {},
        "reset='value'.*spyx.LIF.*reset='subtract', output='old', reset_when='next'",
    ),
    (neuron("IF"), {"reset": "subtract"}, "output='new'.*spyx.IF.*output='old'"),
    (neuron("LIF"), LATE | {"reset_when": "next-leaked"}, "'next-leaked'.*reset_when='next'"),
    (neuron("CubaLIF"), LATE | {"reset_when": "next"}, "spyx.CuBaLIF.*'next-leaked'"),
    (
        neuron("CubaLIF"),
        LATE | {"reset_when": "next-leaked", "synapse": "voltage-first"},
        "synapse='voltage-first'.*synapse='current-first'",
    ),
    (neuron("LIF"), {"reset": "none", "output": "old"}, "output='old'.*spyx.PSU_LIF"),
    (neuron("LI"), {"reset": "none", "output": "old"}, "output='old'.*spyx.LI "),
    (
        changed(neuron("LIF"), tau=5e-4),
        {"reset": "none"},
        r"tau\[0\]=0.0005; .*is tau=0.001",
    ),
]


@pytest.mark.filterwarnings("ignore:.*forward Euler overshoots")
@pytest.mark.parametrize(("node", "rule", "text"), REFUSED)
def test_what_spyx_cannot_do_is_refused_with_the_nearest(node, rule, text):
    with pytest.raises(nirx.UnsupportedError, match=f"'neuron': .*{text}"):
        assert_bridged(BRIDGE, around(node), nirx.Discretization(dt=1e-3, **rule), drive(10))


def test_spyx_has_no_cubali():
    assert nir.CubaLI not in BRIDGE.node_map


def test_changed_parameters_come_back():
    d = nirx.Discretization(dt=1e-3, reset_when="next-leaked", **LATE)
    graph = around(neuron("CubaLIF"))
    with jax.enable_x64(True):
        net = nirx_jax.from_nir(graph, d, "float64", node_map=BRIDGE.node_map)
        net = scaled(net, threshold=1.5, alpha=0.5)
        back = nirx_jax.to_nir(net)
        assert_same_spikes(net, drive(300), back, d)
    new, old = back.nodes["neuron"], graph.nodes["neuron"]
    np.testing.assert_allclose(new.v_threshold, 1.5 * old.v_threshold, rtol=1e-12)
    np.testing.assert_allclose(new.v_leak, old.v_leak, rtol=1e-9)


def test_equal_networks_share_a_compilation_and_gradients_pass():
    d = nirx.Discretization(dt=1e-3, reset_when="next", **LATE)
    nets = [
        nirx_jax.from_nir(around(neuron("LIF"), seed), d, node_map=BRIDGE.node_map)
        for seed in (0, 1)
    ]
    assert jax.tree.structure(nets[0]) == jax.tree.structure(nets[1])
    assert_gradients(nets[0], "beta", "threshold")


def _dense():
    rngs = nnx.Rngs(1)
    inside = sn.Sequential(nnx.Linear(20, 10, rngs=rngs), sn.CuBaLIF((10,), rngs=rngs))
    return sn.Sequential(
        nnx.Linear(5, 30, rngs=rngs),
        sn.LIF((30,), rngs=rngs),
        nnx.Linear(30, 20, use_bias=False, rngs=rngs),
        sn.RLIF((20,), rngs=rngs),
        sn.ActivityRegularization((20,)),
        inside,
        nnx.Linear(10, 3, rngs=rngs),
        sn.LI((3,), rngs=rngs),
    )


def _spatial():
    rngs = nnx.Rngs(1)
    return sn.Sequential(
        nnx.Conv(2, 4, (3, 3), padding=1, rngs=rngs),
        sn.LIF((8, 6, 4), rngs=rngs),
        sn.SumPool((2, 2), (2, 2), "VALID"),
        sn.Flatten(),
        sn.LIF((48,), rngs=rngs),
        nnx.Linear(48, 20, rngs=rngs),
        sn.IF((20,)),
    )


@pytest.mark.parametrize(("build", "shape"), [(_dense, (5,)), (_spatial, (2, 8, 6))])
def test_a_model_runs_layer_by_layer_as_its_graph(build, shape):
    xs = 3 * np.random.default_rng(0).random((200, 4, *shape))
    model = build()
    graph = BRIDGE.export(model, shape)
    outputs = BRIDGE.run(model, xs, "float64")
    outputs.pop("4", None) if build is _dense else None  # ActivityRegularization has no node
    assert_graph_agrees(graph, xs, outputs, at_output=1e-9)


def test_a_sequential_is_exported_as_a_whole_by_jax_to_nir():
    model = _dense()
    x = jax.ShapeDtypeStruct((5,), "float32")
    graph = nirx_jax.jax_to_nir(model, x, BRIDGE.module_map)
    assert nirx.same_graph(graph, BRIDGE.export(model))


UNKNOWN = [
    (sn.ALIF((2, 2, 4), rngs=R), "ALIF on 3 axes has no node"),
    (sn.LIF((4,), activation=jax.nn.sigmoid, rngs=R), "activation that is not a step"),
    (sn.RLIF((4,), threshold=-1, rngs=R), "threshold below 0"),
    (sn.SumPool(2, 2, "SAME"), "padding='SAME'"),
    (sn.SumPool(2, 2, "VALID", channel_axis=1), "channel_axis=1"),
    (nnx.Conv(2, 4, (3, 3), strides=2, rngs=R), "'SAME' and a stride"),
    (nnx.Conv(2, 4, (3, 3), padding="CIRCULAR", rngs=R), "padding='CIRCULAR'"),
    (nnx.Dropout(0.5, rngs=R), "Dropout is random"),
    (nnx.BatchNorm(4, rngs=R), "BatchNorm at 1 has no NIR node"),
    (jax.nn.relu, "has no NIR node"),
]


@pytest.mark.parametrize(("layer", "text"), UNKNOWN)
def test_what_nir_cannot_represent_is_refused_by_name(layer, text):
    with pytest.raises(nirx.UnsupportedError, match=f"{text}"):
        BRIDGE.export(sn.Sequential(nnx.Linear(5, 4, rngs=R), layer), (5,))


class _Threaded(nnx.Module):
    """As spyx documents it: whatever has `initial_state` and a call of (x, state) runs."""

    def __init__(self):
        rngs = nnx.Rngs(2)
        self.body = sn.Sequential(nnx.Linear(12, 12, rngs=rngs), sn.RLIF((12,), rngs=rngs))
        self.zero = nnx.Linear(5, 12, rngs=rngs)  # called first, and last by name
        self.lif = sn.LIF((12,), threshold=0.5, rngs=rngs)
        self.heads = nnx.List([nnx.Linear(12, 3, rngs=rngs), sn.LI((3,), rngs=rngs)])

    def initial_state(self, batch_size):
        parts = {"lif": self.lif, "body": self.body, "li": self.heads[1]}
        return {name: part.initial_state(batch_size) for name, part in parts.items()}

    def __call__(self, x, state):
        new = {}
        z, new["lif"] = self.lif(self.zero(x), state["lif"])
        y, new["body"] = self.body(z, state["body"])
        y, new["li"] = self.heads[1](self.heads[0](y + z), state["li"])
        return y, new


def test_a_users_module_that_passes_states_is_traced():
    xs, model = drive(200), _Threaded()
    before = copy.deepcopy(nnx.state(model))
    graph = BRIDGE.export(model)
    own = BRIDGE.run(model, xs, "float64")
    assert {"zero", "lif", "body.layers.1/delay", "heads.0", "heads.1"} <= set(own)
    assert own["lif"].any()
    assert_graph_agrees(graph, xs, own, at_output=1e-9)
    whole, _ = sn.run(model, jnp.asarray(xs, "float32"))
    np.testing.assert_allclose(own["output"], whole, rtol=0, atol=1e-3)
    assert nirx.same_graph(graph, BRIDGE.export(model, 5))
    jax.tree.map(np.testing.assert_array_equal, before, nnx.state(model))


def test_errors_of_the_models_code_name_the_model():
    with pytest.raises(
        nirx.InputError, match=r"_Threaded: .*shape \(7,\) fails .*input_shape="
    ) as e:
        BRIDGE.export(_Threaded(), (7,))
    assert isinstance(e.value.__cause__, Exception)
    for model in (_Threaded(), _dense()):
        with pytest.raises(nirx.InputError, match=r": .*shape \(4, 7\) fails"):
            BRIDGE.run(model, np.zeros((2, 4, 7)), "float32")


class _Convolved(_Threaded):
    def __init__(self):
        super().__init__()
        self.zero = nnx.Conv(2, 4, (3, 3), rngs=R)


def test_channels_in_a_users_module_are_refused():
    with pytest.raises(nirx.UnsupportedError, match=r"zero: .*channels last.*Sequential"):
        BRIDGE.export(_Convolved(), (2, 8, 8))


class _Own(nnx.Module):
    pass


def test_a_users_module_without_states_is_refused_with_a_fix():
    with pytest.raises(nirx.UnsupportedError, match=r"_Own: .*spyx.nn.Sequential"):
        BRIDGE.export(_Own(), (5,))


# What spyx's own NIR module changes silently; each fails when spyx fixes it.


def _theirs(node, xs, edges=None):
    """What spyx makes of a graph: input -> node -> output."""
    size = np.array([3])
    graph = nir.NIRGraph(
        {"input": nir.Input(size), "neuron": node, "output": nir.Output(size)},
        [("input", "neuron"), ("neuron", "output")],
    )
    given = copy.deepcopy(graph)
    return np.asarray(spyx.nir.from_nir(given, jnp.asarray(xs), dt=1)[1])


def _lif(**changed):
    base = {"tau": 4.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return nir.LIF(**{k: np.full(3, v) for k, v in (base | changed).items()})


XS = np.random.default_rng(0).random((60, 1, 3)).astype("float32")


@pytest.mark.parametrize("changed", [{"r": 0.5}, {"v_leak": 0.4}, {"v_reset": -1.0}])
def test_spyx_drops_parameters_of_a_lif(changed):
    assert (_theirs(_lif(**changed), XS) == _theirs(_lif(), XS)).all()


def test_spyx_drops_w_in():
    def node(w_in):
        p = {"tau_mem": 4.0, "tau_syn": 3.0, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}
        return nir.CubaLIF(**{k: np.full(3, v) for k, v in (p | {"w_in": w_in}).items()})

    assert (_theirs(node(0.1), XS) == _theirs(node(1.0), XS)).all()


@pytest.mark.parametrize("node", [nir.Scale(np.full(3, 9.0)), nir.Delay(np.full(3, 1.0))])
def test_spyx_drops_whole_nodes(node):
    graph = nir.NIRGraph(
        {
            "input": nir.Input(np.array([3])),
            "extra": node,
            "neuron": _lif(),
            "output": nir.Output(np.array([3])),
        },
        [("input", "extra"), ("extra", "neuron"), ("neuron", "output")],
    )
    _, y = spyx.nir.from_nir(graph, jnp.asarray(XS), dt=1)
    assert (np.asarray(y) == _theirs(_lif(), XS)).all()


def test_spyx_exports_beta_as_r_and_drops_a_dilation():
    shape = {"input": np.array([30])}, {"output": np.array([30])}
    cell = sn.LIF(SIZE, beta=0.8, rngs=R)
    (node,) = (n for n in spyx.nir.to_nir(cell, *shape).nodes.values() if isinstance(n, nir.LIF))
    np.testing.assert_allclose(node.r, 0.8)  # tau/dt, 5, is what gives the same step
    np.testing.assert_allclose(BRIDGE.export(cell, SIZE).nodes["lif"].r, 5.0, rtol=1e-6)
    conv = nnx.Conv(1, 1, (3, 3), kernel_dilation=2, padding="VALID", rngs=R)
    ports = {"input": np.array([1, 9, 9])}, {"output": np.array([1, 7, 7])}  # 5 is right
    theirs = spyx.nir.to_nir(sn.Sequential(conv), *ports).nodes["layer_0"]
    assert np.all(np.asarray(theirs.dilation) == 1)
    ours = BRIDGE.export(conv, (1, 9, 9)).nodes["conv"]
    assert np.all(np.asarray(ours.dilation) == 2)


def test_spyx_changes_the_graph_that_it_reads():
    size = np.array([3])
    graph = nir.NIRGraph(
        {
            "input": nir.Input(size),
            "lif.lif": _lif(),
            "lif.w_rec": nir.Linear(np.eye(3)),
            "output": nir.Output(size),
        },
        [
            ("input", "lif.lif"),
            ("lif.lif", "lif.w_rec"),
            ("lif.w_rec", "lif.lif"),
            ("lif.lif", "output"),
        ],
    )
    before = set(graph.nodes)
    spyx.nir.from_nir(graph, jnp.asarray(XS), dt=1)
    assert set(graph.nodes) != before
