"""brainpy.state's neurons step as their presets say, and NIR neurons as brainpy's as nirx does."""

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest

import nirx
from nirx_conformance.libraries.check import assert_bridged, assert_same_steps
from nirx_conformance.libraries.neurons import NEURONS, alone, around, drive, neuron
from support.bridges import (
    assert_gradients,
    assert_graph_agrees,
    assert_same_spikes,
    changed,
    scaled,
)

pytest.importorskip("brainpy", reason="brainpy is installed by `make libraries` only")

import brainpy.state as bp
import brainstate
import braintools
import brainunit as u
import jax
import jax.numpy as jnp

import nirx_jax
from nirx_jax.bridges.brainpy import BRIDGE

DT = 0.5
HARD = {"spk_reset": "hard"}
LIF = {"tau": np.linspace(2, 20, 30) * u.ms, "R": 2.0 * u.ohm}
CELLS = [
    (lambda: bp.LIF(30), "brainpy.LIF"),
    (lambda: bp.LIF(30, **LIF, V_th=0.8 * u.mV, V_rest=0.1 * u.mV), "brainpy.LIF"),
    (
        lambda: bp.LIF(30, **LIF, V_reset=-0.2 * u.mV, V_rest=1e-4 * u.volt, **HARD),
        "brainpy.LIF(spk_reset='hard')",
    ),
    (lambda: bp.IF(30, tau=8 * u.ms), "brainpy.IF"),
    (lambda: bp.IF(30, tau=8 * u.ms, **HARD), "brainpy.IF(spk_reset='hard')"),
    (lambda: bp.CubaLIF(30, R=0.5 * u.ohm), "brainpy.CubaLIF"),
    (
        lambda: bp.CubaLIF(30, V_reset=-0.2 * u.mV, tau_syn=2 * u.ms, **HARD),
        "brainpy.CubaLIF(spk_reset='hard')",
    ),
]


@pytest.mark.parametrize("case", range(len(CELLS)))
def test_a_neuron_steps_as_its_preset_says(case):
    build, preset = CELLS[case]
    xs = drive(features=30) - 0.5
    cuba = "Cuba" in preset
    with jax.enable_x64(True), brainstate.environ.context(dt=DT * u.ms, precision=64):
        cell = build()
        graph = BRIDGE.export(cell)
        cell.init_state(4)

        def step(x):
            if cuba:
                cell.add_delta_input("x", x * u.mA)
                z = cell.update()
                return z, cell.V.value / u.mV, cell.g.value / u.mA
            return cell.update(x * u.mA), cell.V.value / u.mV, 0.0

        z, v, g = brainstate.transform.for_loop(step, jnp.asarray(xs))
    rule = replace(nirx.PRESETS[preset], dt=DT * 1e-3)
    stored = nirx.schedule(graph).discretization
    assert replace(stored, dt=rule.dt) == rule
    assert stored.dt == pytest.approx(rule.dt)
    name = type(cell).__name__.lower()
    states = {f"{name}.v": v} | ({f"{name}.i": g} if cuba else {})
    scale = max(1.0, float(np.abs(np.asarray(v)).max()))
    assert_same_steps(graph, xs, {name: z}, states, atol=1e-6 * scale)


RULES = [
    {},
    {"integrator": "exponential", "initial_v": "leak", "threshold": "ge", "synapse_input": "jump"},
    {"reset": "subtract", "synapse_input": "jump-then-decay"},
    {"reset_when": "next-leaked"},
    {"reset": "subtract", "reset_when": "next-leaked", "threshold": "ge"},
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", NEURONS)
def test_nir_runs_on_brainpy_and_comes_back(kind, rule):
    d = nirx.Discretization(dt=1e-3, **rule)
    assert_bridged(BRIDGE, around(neuron(kind)), d, drive(), atol=1e-8)


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_float32(kind):
    assert_bridged(BRIDGE, around(neuron(kind)), nirx.Discretization(dt=1e-3), drive(), "float32")


REFUSED = [
    (neuron("LIF"), {"spikes": "multi"}, "spikes='multi'.*brainpy.state.LIF.*spikes='single'"),
    (neuron("LIF"), {"reset": "none"}, "reset='none'.*reset='value'"),
    (neuron("LIF"), {"reset_when": "next"}, "reset_when='next'.*reset_when='same'"),
    (
        neuron("CubaLIF"),
        {"synapse": "voltage-first"},
        "synapse='voltage-first'; brainpy.state.CubaLIF.*synapse='current-first'",
    ),
    (changed(neuron("LIF"), tau=1e-3), {}, r"tau\[0\]=0.001; .*tau > dt"),
    (changed(neuron("LIF"), v_threshold=-0.5), {}, r"v_threshold\[0\]=-0.5; .*at another time"),
    (
        changed(neuron("LIF"), v_threshold=0.1, v_reset=0.2),
        {},
        r"v_threshold\[0\]=0.1; .*above 0; the nearest is v_threshold=0.2",
    ),
]


@pytest.mark.parametrize(("node", "rule", "text"), REFUSED)
def test_what_brainpy_cannot_do_is_refused_with_the_nearest(node, rule, text):
    with pytest.raises(nirx.UnsupportedError, match=f"'neuron': .*{text}"):
        assert_bridged(BRIDGE, around(node), nirx.Discretization(dt=1e-3, **rule), drive(10))


def test_features_without_axes():
    graph, xs = alone(())
    for batch in (xs, xs[:, 0]):
        assert_bridged(BRIDGE, graph, nirx.Discretization(dt=1e-3), batch)


@pytest.mark.filterwarnings("ignore:.*share a unit")
@pytest.mark.parametrize("integrator", ["euler", "exponential"])
def test_a_leak_that_is_nearly_none(integrator):
    graph, xs = alone((6,), tau=1e12)
    graph.nodes["neuron"].r[:] = 2e14
    assert_bridged(BRIDGE, graph, nirx.Discretization(dt=1e-3, integrator=integrator), xs)
    net = nirx_jax.from_nir(graph, nirx.Discretization(dt=1e-3), node_map=BRIDGE.node_map)
    np.testing.assert_allclose(net.nodes["neuron"].arrays["tau"], 1e12, rtol=1e-6)


def test_changed_parameters_come_back():
    d = nirx.Discretization(dt=1e-3)
    graph = around(neuron("CubaLIF"))
    with jax.enable_x64(True):
        net = nirx_jax.from_nir(graph, d, "float64", node_map=BRIDGE.node_map)
        net = scaled(net, V_th=1.5, R=1.5)
        back = nirx_jax.to_nir(net)
        assert_same_spikes(net, drive(300), back, d)
    new, old = back.nodes["neuron"], graph.nodes["neuron"]
    for name in ("v_threshold", "r"):
        np.testing.assert_allclose(getattr(new, name), 1.5 * getattr(old, name), rtol=1e-12)
    np.testing.assert_allclose(new.tau_syn, old.tau_syn, rtol=1e-12)


def test_gradients_pass():
    graph = around(neuron("LIF"))
    net = nirx_jax.from_nir(graph, nirx.Discretization(dt=1e-3), node_map=BRIDGE.node_map)
    assert_gradients(net, "tau", "V_th", "R")


def _linear(takes, gives, **more):
    scaled = braintools.init.KaimingNormal(scale=20.0, unit=u.mA)
    return brainstate.nn.Linear(takes, gives, w_init=scaled, b_init=None, **more)


def _sequential():
    return brainstate.nn.Sequential(
        _linear(5, 30),
        bp.LIF(30, tau=4 * u.ms, V_rest=0.2 * u.mV, V_reset=-0.1 * u.mV, **HARD),
        _linear(30, 20),
        bp.IF(20),
        bp.LeakyRateReadout(20, 3),
    )


class _Recurrent(brainstate.nn.Module):
    """Spikes that are kept in a state feed back; a projection's delta inputs feed a synapse."""

    def __init__(self):
        super().__init__()
        self.fc, self.rec, self.on = _linear(5, 8), _linear(8, 8), _linear(8, 6)
        self.lif, self.cuba = bp.LIF(8), bp.CubaLIF(6)

    def init_state(self, batch_size=None, **kwargs):
        shape = (8,) if batch_size is None else (batch_size, 8)
        self.z = brainstate.HiddenState(jnp.zeros(shape))

    def update(self, x):
        self.z.value = self.lif(self.fc(x) + self.rec(self.z.value))
        self.cuba.add_delta_input("on", self.on(self.z.value))
        return self.cuba()


@pytest.mark.parametrize("build", [_sequential, _Recurrent])
def test_a_model_runs_layer_by_layer_as_its_graph(build):
    xs = drive(200)
    brainstate.random.seed(0)
    with brainstate.environ.context(dt=DT * u.ms):
        model = build()
        graph = BRIDGE.export(model, 5)
        outputs = BRIDGE.run(model, xs, "float64")
    outputs.pop("rec", None)  # nirx has its own rule for which edge of the cycle is late
    assert all(row.any() for row in outputs.values())
    assert_graph_agrees(graph, xs, outputs)


class _Chain(brainstate.nn.Module):
    """Layers whose names do not sort in the order of their calls."""

    def __init__(self, factor=None):
        super().__init__()
        self.factor = factor
        self.z, self.y, self.b = _linear(5, 8), bp.LIF(8, tau=4 * u.ms), _linear(8, 3)
        self.a = bp.LIF(3)

    def update(self, x):
        given = x if self.factor is None else self.factor * x
        return self.a(self.b(self.y(self.z(given))))


class _Nested(_Chain):
    def __init__(self):
        super().__init__()
        self.z = brainstate.nn.Sequential(self.z)


@pytest.mark.parametrize("build", [_Chain, _Nested, lambda: _Chain(2.0)])
def test_the_input_has_the_shape_that_the_first_call_reads(build):
    with brainstate.environ.context(dt=DT * u.ms):
        graph = BRIDGE.export(build())
    assert nirx.schedule(graph).shapes["input"] == ((5,), (5,))


class _Reshaped(_Chain):
    def update(self, x):
        return super().update(x.reshape(2, -1).sum(0))


def test_an_input_whose_shape_nothing_tells_is_asked_for():
    refused = pytest.raises(nirx.InputError, match=r"nothing tells .*pass input_shape=")
    with brainstate.environ.context(dt=DT * u.ms), refused:
        BRIDGE.export(_Reshaped())


def test_errors_of_the_models_code_name_the_model():
    with brainstate.environ.context(dt=DT * u.ms):
        with pytest.raises(
            nirx.InputError, match=r"_Chain: .*shape \(7,\) fails .*input_shape="
        ) as e:
            BRIDGE.export(_Chain(), 7)
        assert isinstance(e.value.__cause__, Exception)
        with pytest.raises(nirx.InputError, match=r"_Chain: .*shape \(4, 7\) fails"):
            BRIDGE.run(_Chain(), np.zeros((2, 4, 7)), "float32")


def _dropped():
    return brainstate.nn.Sequential(_linear(5, 8), bp.LIF(8), brainstate.nn.Dropout(0.5))


@pytest.mark.parametrize("said", [{}, {"fit": False}])
def test_dropout_is_left_out_unless_the_model_is_trained(said):
    with brainstate.environ.context(dt=DT * u.ms, **said):
        model = _dropped()
        graph = BRIDGE.export(model)
        own = BRIDGE.run(model, drive(20), "float64")
    assert own["output"].any()
    assert_same_steps(graph, drive(20), {"layers.1": own["output"]}, busy=False)


def test_dropout_in_training_is_refused():
    text = r"layers.2: Dropout.*set\(fit=False\)"
    refused = pytest.raises(nirx.UnsupportedError, match=text)
    with brainstate.environ.context(dt=DT * u.ms, fit=True), refused:
        BRIDGE.export(_dropped())


ZERO = braintools.init.Constant(0.0)


def _read_out():
    readout = bp.Expon(3, tau=np.linspace(2, 9, 3) * u.ms, g_initializer=ZERO)
    return brainstate.nn.Sequential(
        _linear(5, 30), bp.LIF(30), brainstate.nn.Linear(30, 3), readout
    )


def test_an_expon_is_an_li_that_takes_in_all_of_its_input():
    xs = drive(100)
    with brainstate.environ.context(dt=DT * u.ms):
        model = _read_out()
        graph = BRIDGE.export(model)
        own = BRIDGE.run(model, xs, "float32")  # its tau is float32, whatever the run
    node = graph.nodes["layers.3"]
    assert isinstance(node, nir.LI)
    np.testing.assert_allclose(node.tau, np.linspace(2e-3, 9e-3, 3), rtol=1e-6)
    theirs = own.pop("output")
    assert np.abs(theirs).max() > 0.1
    assert_same_steps(graph, xs, {**own, "layers.3": theirs}, busy=False, atol=1e-5)


class _Projected(brainstate.nn.Module):
    """A network as brainpy's tutorials write it: projections align their synapses with the
    neurons behind them, which are asked for the spikes of the step before."""

    def __init__(self, unit, merged, recurrent=True):
        super().__init__()
        size = 12 if recurrent else 5
        self.recurrent = recurrent
        self.fc, self.lif, self.out = _linear(5, 12), bp.LIF(12), bp.LeakyRateReadout(12, 3)
        comm = brainstate.nn.Linear(
            size, 12, w_init=braintools.init.KaimingNormal(scale=9.0, unit=unit), b_init=None
        )
        syn, out = bp.Expon, bp.CUBA
        options = {"tau": 4 * u.ms, "g_initializer": braintools.init.Constant(0.0 * unit)}
        scale = {"scale": 1.0 if unit == u.mA else 1.0 * u.volt}
        parts = (
            {"syn": syn.desc(12, **options), "out": out.desc(**scale)}
            if merged
            else {"syn": syn(12, **options), "out": out(**scale)}
        )
        self.proj = bp.AlignPostProj(comm=comm, post=self.lif, **parts)

    def update(self, x):
        self.proj(self.lif.get_spike() if self.recurrent else x)
        return self.out(self.lif(self.fc(x)))


PROJECTED = [(u.mA, False, False), (u.mA, False, True), (u.mA, True, True), (u.mS, False, True)]


@pytest.mark.parametrize(("unit", "merged", "recurrent"), PROJECTED)
def test_projections_carry_spikes_through_their_synapse(unit, merged, recurrent):
    xs = drive(100)
    brainstate.random.seed(1)
    with brainstate.environ.context(dt=DT * u.ms):
        model = _Projected(unit, merged, recurrent)
        graph = BRIDGE.export(model, None if recurrent else 5)
        own = BRIDGE.run(model, xs, "float64")
    assert sum(isinstance(node, nir.LI) for node in graph.nodes.values()) == 1
    assert_same_steps(graph, xs, {"lif": own["lif"]})
    ours, _ = nirx.from_nir(graph, "numpy", dtype="float64").run(xs)
    np.testing.assert_allclose(own["output"], ours, rtol=0, atol=1e-6)


UNKNOWN = [
    (lambda: bp.LIFRef(4), "LIFRef has a refractory period.*nearest is a LIF"),
    (lambda: bp.ALIF(4), "ALIF has dynamics that no NIR node has"),
    (lambda: bp.LIF(4, V_initializer=braintools.init.Constant(0.5 * u.mV)), "a V_initializer"),
    (lambda: bp.LIF(4, V_th=-1 * u.mV), "V_th <= V_reset"),
    (lambda: bp.LIF(4, spk_fun=jax.nn.sigmoid), "spk_fun that is not a step"),
    (lambda: bp.Expon(4, g_initializer=braintools.init.Constant(0.5)), "Expon with a g_init"),
    (lambda: bp.DualExpon(4), "DualExpon by itself has no NIR node; Expon has one"),
]


@pytest.mark.parametrize(("build", "text"), UNKNOWN)
def test_what_nir_cannot_represent_is_refused_by_name(build, text):
    with brainstate.environ.context(dt=DT * u.ms):
        model = brainstate.nn.Sequential(_linear(5, 4), build())
        with pytest.raises(nirx.UnsupportedError, match=rf"layers.1: .*{text}"):
            BRIDGE.export(model)


def test_a_missing_dt_is_refused_with_a_fix():
    with pytest.raises(nirx.InputError, match=r"brainstate\.environ\.set"):
        BRIDGE.export(bp.LIF(4))
