"""sinabs' layers step as their presets say, and NIR neurons as its layers step as nirx does."""

from __future__ import annotations

import copy
from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from nirx_conformance.libraries.check import assert_bridged, assert_same_steps
from nirx_conformance.libraries.neurons import NEURONS, around, drive, neuron
from support.bridges import assert_layers_agree, assert_same_spikes, changed, on_a_grid

sl = pytest.importorskip("sinabs.layers", reason="sinabs is installed by `make libraries` only")

from sinabs.activation import MaxSpike, MembraneReset, MembraneSubtract, SingleSpike  # noqa: E402
from sinabs.nir import _extract_sinabs_module, _import_sinabs_module  # noqa: E402

from nirx_torch.bridges.sinabs import BRIDGE  # noqa: E402

RECORD = {"record_states": True}
SINGLE = {"spike_fn": SingleSpike, "reset_fn": MembraneReset()}
ZERO = {"spikes": "single", "reset": "value"}
TAUS = torch.linspace(2.0, 30.0, 30)
LAYERS = [
    (lambda: sl.LIF(12.0, **RECORD), {}),
    (lambda: sl.LIF(12.0, spike_threshold=torch.tensor(4.0), norm_input=False, **RECORD), {}),
    (lambda: sl.LIF(TAUS, spike_threshold=TAUS / 20, train_alphas=True, **RECORD), {}),
    (lambda: sl.LIF(12.0, **SINGLE, **RECORD), ZERO),
    (lambda: sl.LIF(12.0, tau_syn=5.0, norm_input=False, **SINGLE, **RECORD), ZERO),
    (lambda: sl.LIF(TAUS, tau_syn=TAUS / 2, spike_threshold=torch.tensor(3.0), **RECORD), {}),
    (lambda: sl.LIF(12.0, spike_fn=MaxSpike(2), **RECORD), {"max_spikes": 2}),
    (
        lambda: sl.LIF(12.0, spike_fn=SingleSpike, reset_fn=MembraneSubtract(0.0), **RECORD),
        {"spikes": "single", "reset": "none"},
    ),
    (lambda: sl.LIF(12.0, tau_syn=5.0, spike_fn=None, **RECORD), {}),
    (lambda: sl.IAF(spike_threshold=torch.tensor(7.0), **RECORD), {}),
    (lambda: sl.IAF(spike_threshold=torch.tensor(7.0), **SINGLE, **RECORD), ZERO),
    (lambda: sl.IAF(spike_fn=None, **RECORD), {}),
    (lambda: sl.ExpLeak(12.0, **RECORD), {}),
    (lambda: sl.ExpLeak(TAUS, norm_input=True, train_alphas=True, **RECORD), {}),
]


@pytest.mark.filterwarnings("ignore:nirx has no formula")  # one for thresholds that differ
@pytest.mark.parametrize("case", range(len(LAYERS)))
def test_a_layer_steps_as_its_preset_says(case):
    build, choices = LAYERS[case]
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 30), build()).double()
    torch.nn.init.normal_(model[0].weight, 0.4)
    graph = BRIDGE.export(model, None)
    stored = nirx.schedule(graph).discretization
    assert stored == replace(nirx.PRESETS["sinabs.LIF"], **choices)
    xs = drive()
    with torch.no_grad():
        y = model(torch.from_numpy(xs).movedim(0, 1)).movedim(1, 0)
    names = (
        {"v": "v_mem", "i": "i_syn"}
        if hasattr(model[1], "i_syn") and model[1].i_syn is not None
        else {"v": "v_mem"}
    )
    states = {f"1.{k}": model[1].recordings[n].movedim(1, 0) for k, n in names.items()}
    scale = max(1.0, *(float(s.abs().max()) for s in states.values()))
    assert_same_steps(graph, xs, {"1": y}, states, atol=1e-6 * scale)


def recurrent(kind, *arguments, bias, **options):
    torch.manual_seed(1)
    back = torch.nn.Linear(30, 30, bias=bias)
    torch.nn.init.normal_(back.weight, 0, 0.1)
    return kind(*arguments, rec_connect=back, **options)


RECURRENT = [
    lambda bias: recurrent(sl.LIFRecurrent, 12.0, bias=bias, norm_input=False),
    lambda bias: recurrent(sl.LIFRecurrent, 12.0, tau_syn=4.0, bias=bias),
    lambda bias: recurrent(sl.IAFRecurrent, bias=bias, **SINGLE),
]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("case", range(len(RECURRENT)))
def test_a_recurrent_layer_gets_the_spikes_of_the_step_before(case, bias):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 30), RECURRENT[case](bias))
    graph = BRIDGE.export(model, None)
    xs = drive(300)
    own = BRIDGE.run(model, xs, "float32")
    assert_same_steps(graph, xs, {"1/lif": own["1"]}, dtype="float32")


RULES = [
    {},
    {"threshold": "ge", "integrator": "exponential", "initial_v": "leak"},
    {"reset": "subtract"},
    {"reset": "subtract", "threshold": "ge"},
    {"reset": "none", "synapse_input": "jump"},
    {"reset": "subtract", "spikes": "multi", "synapse_input": "jump-then-decay"},
    {"reset": "subtract", "spikes": "multi", "max_spikes": 2},
    {"reset": "none", "spikes": "multi"},
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", NEURONS)
def test_nir_runs_on_sinabs_and_comes_back(kind, rule):
    d = nirx.Discretization(dt=1e-3, **rule)
    assert_bridged(BRIDGE, around(neuron(kind)), d, drive())


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_in_float32_too(kind):
    d = nirx.Discretization(dt=1e-3, reset="subtract", spikes="multi")
    assert_bridged(BRIDGE, around(neuron(kind)), d, drive(), "float32")


@pytest.mark.parametrize("threshold", ["gt", "ge"])
@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_ties_are_as_the_rule_says(threshold, reset):
    graph, xs = on_a_grid()
    d = nirx.Discretization(dt=2**-10, threshold=threshold, reset=reset)
    for dtype in ("float32", "float64"):
        assert_bridged(BRIDGE, graph, d, xs, dtype)


REFUSED = [
    ("LIF", {}, {"reset": "subtract", "reset_when": "next"}, "'next'.*LIF.*reset_when='same'"),
    ("IF", {}, {"output": "old", "reset": "none"}, "sinabs.layers.IAF.*output='new'"),
    ("CubaLIF", {}, {"synapse": "voltage-first"}, "LIF cannot.*synapse='current-first'"),
    ("CubaLI", {"tau_syn": 1e-3}, {}, "tau_syn.*=0.001.*nearest is tau_syn=0.002"),
    ("LIF", {"v_threshold": -0.5}, {"spikes": "multi", "reset": "subtract"}, "v_threshold.*1.0"),
    ("LIF", {}, {"spikes": "multi"}, "v_reset.*nearest is v_reset=0.0"),
]


@pytest.mark.parametrize(("kind", "values", "rule", "text"), REFUSED)
def test_what_sinabs_cannot_do_is_refused_with_the_nearest(kind, values, rule, text):
    node = changed(neuron(kind), **values)
    with pytest.raises(nirx.UnsupportedError, match=f"'neuron': .*{text}"):
        assert_bridged(BRIDGE, around(node), nirx.Discretization(dt=1e-3, **rule), drive(10))


ODD = [
    (lambda: sl.LIF(9.0, min_v_mem=-1.0), "min_v_mem=-1 has no NIR node.*min_v_mem=None"),
    (lambda: sl.LIF(9.0, reset_fn=MembraneReset(0.2)), "reset_value=0.2.*every step.*use 0"),
    (lambda: sl.LIF(9.0, reset_fn=MembraneSubtract(0.2)), "subtract_value=0.2.*leave it at None"),
    (lambda: sl.LIF(9.0, spike_fn=torch.nn.ReLU), "spike_fn=ReLU.*MultiSpike"),
    (lambda: sl.LIF(9.0, reset_fn=lambda *a: a[1]), "reset_fn=function.*MembraneSubtract"),
    (
        lambda: sl.LIFRecurrent(9.0, rec_connect=torch.nn.Conv1d(30, 30, 1)),
        "rec_connect of Conv1d.*one Linear",
    ),
    (lambda: sl.IAF(tau_syn=4.0), "no time constant"),
]


@pytest.mark.parametrize(("build", "text"), ODD)
def test_options_without_a_nir_node_are_refused_by_name(build, text):
    model = torch.nn.Sequential(torch.nn.Linear(5, 30), build())
    with pytest.raises(nirx.UnsupportedError, match=f"1: .*{text}"):
        BRIDGE.export(model, None)


def test_trained_parameters_come_back():
    d = nirx.Discretization(dt=1e-3)
    graph = around(neuron("CubaLIF"))
    net = nirx_torch.from_nir(graph, d, "float64", node_map=BRIDGE.node_map)
    xs = torch.from_numpy(drive(300))
    net.run(xs[:20])[0].sum().backward()
    cell = net.neuron.cell
    assert cell.alpha_mem.grad.abs().sum() > 0
    assert cell.alpha_syn.grad.abs().sum() > 0
    with torch.no_grad():
        cell.alpha_mem.mul_(0.9)
        cell.alpha_syn.mul_(0.8)
        cell.spike_threshold.mul_(1.5)
    back = nirx_torch.to_nir(net)
    keep = 1 - 1e-3 / graph.nodes["neuron"].tau_syn
    np.testing.assert_allclose(1 - 1e-3 / back.nodes["neuron"].tau_syn, 0.8 * keep)
    assert_same_spikes(net, xs.numpy(), back, d)


def test_a_threshold_that_is_no_longer_what_is_subtracted_is_refused():
    d = nirx.Discretization(dt=1e-3, reset="subtract")
    net = nirx_torch.from_nir(around(neuron("LIF")), d, node_map=BRIDGE.node_map)
    net.neuron.cell.spike_threshold.mul_(1.5)
    with pytest.raises(nirx.UnsupportedError, match=r"subtracts 1.* that has changed"):
        nirx_torch.to_nir(net)


def small(squeezed):
    torch.manual_seed(3)
    if squeezed:
        return torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3, bias=False),
            sl.IAFSqueeze(batch_size=1),
            sl.SumPool2d(2),
            torch.nn.Conv2d(4, 6, 2),
            sl.LIFSqueeze(tau_mem=9.0, batch_size=1, spike_fn=SingleSpike),
            torch.nn.Flatten(),
            torch.nn.Linear(24, 5),
            sl.ExpLeakSqueeze(tau_mem=20.0, batch_size=1),
        )
    return torch.nn.Sequential(
        sl.Repeat(torch.nn.Conv2d(1, 4, 3)),
        sl.IAF(),
        sl.Repeat(sl.SumPool2d(2)),
        sl.Repeat(torch.nn.Flatten()),
        torch.nn.Linear(36, 5),
        sl.LIF(9.0),
    )


@pytest.mark.parametrize("squeezed", [True, False])
def test_a_model_runs_in_nirx_as_in_sinabs(squeezed):
    model = small(squeezed).double()
    xs = 3 * np.random.default_rng(0).random((40, 3, 1, 8, 8))
    for part in model.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.normal_(part.weight, 0.2, 0.3)
    assert_layers_agree(BRIDGE, model, xs, map(str, range(len(model))), atol=1e-6)


PLAIN = {
    "LIF": lambda: sl.LIF(TAUS, spike_threshold=TAUS / 20, norm_input=False, **RECORD),
    "LI": lambda: sl.ExpLeak(TAUS, norm_input=False, **RECORD),
    "CubaLIF": lambda: sl.LIF(TAUS, tau_syn=TAUS / 2, norm_input=False, **RECORD),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_without_norm_input_it_reads_an_r_of_tau_with_the_gain_of_euler(kind):
    tau, one, zero = TAUS.double().numpy(), np.ones(30), np.zeros(30)
    node = {
        "LIF": nir.LIF(tau, tau, zero, tau / 20, zero),
        "LI": nir.LI(tau, tau, zero),
        "CubaLIF": nir.CubaLIF(tau / 2, tau, tau, zero, one, zero, one),
    }[kind]
    graph, xs, layer = around(node), drive(300), PLAIN[kind]().double()
    rule = nirx.PRESETS["sinabs.LIF(norm_input=False)"]
    graph.metadata["nirx_discretization"] = rule.to_json()
    currents = torch.from_numpy(xs @ graph.nodes["fc"].weight.T + graph.nodes["fc"].bias)
    with torch.no_grad():
        y = layer(currents.movedim(0, 1)).movedim(1, 0)
    assert y.any()
    states = {"neuron.v": layer.recordings["v_mem"].movedim(1, 0)}
    scale = float(states["neuron.v"].abs().max())
    assert_same_steps(graph, xs, {"neuron": y}, states, atol=1e-6 * scale, busy=False)


# Its own functions for NIR. When one of these fails, sinabs has fixed it: change the notes.


def test_its_importer_drops_r_and_v_reset_of_a_lif():
    one = np.ones(3)
    node = nir.LIF(tau=9 * one, r=5 * one, v_leak=0 * one, v_threshold=one, v_reset=-one)
    layer = _import_sinabs_module(node, 1, -1)
    assert not layer.norm_input
    assert layer.reset_fn == MembraneSubtract()


def test_its_importer_gives_an_if_a_floor_and_drops_its_r():
    one = np.ones(3)
    layer = _import_sinabs_module(nir.IF(r=5 * one, v_threshold=one, v_reset=-one), 1, -1)
    assert (layer.min_v_mem == -1).all()
    assert layer.reset_fn == MembraneSubtract()


def test_its_exporter_drops_synapse_normalisation_and_reset():
    layer = sl.LIF(
        TAUS, tau_syn=TAUS, spike_threshold=TAUS, norm_input=False, reset_fn=MembraneReset()
    )
    layer(torch.rand(1, 2, 30))
    node = _extract_sinabs_module(layer)
    assert isinstance(node, nir.LIF)
    assert (np.asarray(node.r) == 1).all()


def test_its_exporter_loses_the_size_of_a_layer():
    layer = sl.LIF(12.0, spike_threshold=torch.tensor(1.0), norm_input=False)
    layer(torch.rand(1, 2, 30))
    node = _extract_sinabs_module(layer)
    assert np.shape(node.tau) == ()  # which says nothing of the layer's size


def test_a_reset_value_is_added_in_every_step():
    layer = sl.LIF(9.0, reset_fn=MembraneReset(-0.5), **RECORD)
    layer(torch.zeros(1, 3, 1))
    assert (layer.recordings["v_mem"] < 0).all()


def test_its_recurrent_layers_cannot_be_copied():
    with pytest.raises(AttributeError, match=r"no attribute .rec_connect"):
        copy.deepcopy(RECURRENT[0](False))


def test_what_is_no_count_in_float32_is_refused():
    d = nirx.Discretization(dt=1e-3, reset="subtract", spikes="multi")
    node = neuron("LIF")
    node.v_threshold[1] = 1e-7
    with pytest.raises(nirx.UnsupportedError, match=r"v_threshold\[1\]=1e-07.*v_threshold=1e-05"):
        nirx_torch.from_nir(around(node), d, node_map=BRIDGE.node_map)
