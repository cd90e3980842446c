"""snnTorch's neurons step as their presets say, and NIR neurons as its neurons as nirx does."""

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from nirx_conformance.libraries.check import assert_bridged, assert_same_steps
from nirx_conformance.libraries.neurons import NEURONS, around, drive, neuron
from support.bridges import assert_layers_agree, assert_same_spikes, changed

snn = pytest.importorskip("snntorch", reason="snntorch is installed by `make libraries` only")

from snntorch.export_nir import _extract_snntorch_module  # noqa: E402
from snntorch.import_nir import _nir_to_snntorch_module  # noqa: E402

from nirx_torch.bridges.snntorch import BRIDGE  # noqa: E402

ZERO = {"reset_mechanism": "zero"}
NOW = {"reset_delay": False}
NONE = {"reset_mechanism": "none"}
DECAYS = torch.linspace(0.3, 0.95, 30)
UNRESET = {"reset": "none", "reset_when": "same"}
LATE = "Synaptic(reset_mechanism='zero')"
NEURON_CASES = [
    (lambda: snn.Leaky(0.9, threshold=8.0), "Leaky", {}),
    (lambda: snn.Leaky(DECAYS, threshold=DECAYS * 9), "Leaky", {}),
    (lambda: snn.Leaky(0.9, threshold=8.0, **ZERO), "Leaky(reset_mechanism='zero')", {}),
    (
        lambda: snn.Leaky(0.9, threshold=8.0, **ZERO, **NOW),
        "Leaky(reset_mechanism='zero', reset_delay=False)",
        {},
    ),
    (
        lambda: snn.Leaky(0.9, threshold=8.0, **NONE),
        "Leaky",
        {"reset": "none", "reset_when": "same"},
    ),
    (lambda: snn.Synaptic(0.8, 0.7, threshold=20.0), "Synaptic", {}),
    (lambda: snn.Synaptic(DECAYS, DECAYS, threshold=20.0), "Synaptic", {}),
    (
        lambda: snn.Synaptic(0.8, 0.7, threshold=20.0, **ZERO),
        "Synaptic(reset_mechanism='zero')",
        {},
    ),
    (
        lambda: snn.Synaptic(0.8, 0.7, threshold=20.0, **ZERO, **NOW),
        "Synaptic(reset_mechanism='zero', reset_delay=False)",
        {},
    ),
]


def linear_and(cell):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 30), cell).double()
    torch.nn.init.normal_(model[0].weight, 0.4)
    return model


@pytest.mark.parametrize("case", range(len(NEURON_CASES)))
def test_a_neuron_steps_as_its_preset_says(case):
    build, preset, choices = NEURON_CASES[case]
    model = linear_and(build())
    graph, xs, cell, rows = BRIDGE.export(model, None), drive(), model[1], []
    expected = replace(nirx.PRESETS[f"snntorch.{preset}"], **choices)
    assert nirx.schedule(graph).discretization == expected
    state = [torch.zeros(4, 30).double()] * (2 if isinstance(cell, snn.Synaptic) else 1)
    with torch.no_grad():
        for x in torch.from_numpy(xs):
            y, *state = cell(model[0](x), *state)
            rows.append((y, *state))
    y, *kept = (torch.stack(column) for column in zip(*rows, strict=True))
    states = dict(zip(("1.v", "1.i"), reversed(kept), strict=False))
    scale = max(1.0, *(float(s.abs().max()) for s in states.values()))
    assert_same_steps(graph, xs, {"1": y}, states, atol=1e-6 * scale)


RECURRENT = [
    lambda **o: snn.RLeaky(0.8, linear_features=30, **o),
    lambda **o: snn.RLeaky(0.8, V=torch.linspace(-0.5, 0.5, 30), all_to_all=False, **o),
    lambda **o: snn.RLeaky(0.8, V=-0.4, all_to_all=False, **o),
    lambda **o: snn.RSynaptic(0.7, 0.8, V=0.3, all_to_all=False, **o),
    lambda **o: snn.RSynaptic(0.7, 0.8, linear_features=30, **o),
    lambda **o: snn.RSynaptic(0.7, 0.8, V=0.3 * DECAYS, all_to_all=False, **o),
]


@pytest.mark.parametrize("options", [{}, ZERO, NONE])
@pytest.mark.parametrize("case", range(len(RECURRENT)))
def test_a_recurrent_neuron_gets_the_spikes_of_the_step_before(case, options):
    torch.manual_seed(1)
    cell = RECURRENT[case](threshold=8.0, init_hidden=True, **options)
    model, xs = linear_and(cell), drive(300)
    graph = BRIDGE.export(model, None)
    own = BRIDGE.run(model, xs, "float64")
    assert_same_steps(graph, xs, {"1/lif": own["1"]})


def test_a_recurrent_convolution_has_the_size_of_the_layer_before():
    torch.manual_seed(1)
    cell = snn.RLeaky(0.8, conv2d_channels=3, kernel_size=3, threshold=2.0, init_hidden=True)
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3, padding=1), cell)
    xs = 3 * np.random.default_rng(0).random((60, 2, 2, 6, 5))
    graph = BRIDGE.export(model, (2, 6, 5))
    own = BRIDGE.run(model, xs, "float64")
    assert_same_steps(graph, xs, {"1/lif": own["1"]})


def test_a_lone_recurrent_layer_without_a_size_asks_for_it():
    cell = snn.RLeaky(0.8, V=0.5, all_to_all=False, init_hidden=True)
    with pytest.raises(nirx.GraphError, match=r"nothing in the model determines .*input_shape="):
        BRIDGE.export(torch.nn.Sequential(cell), None)
    assert nirx.schedule(BRIDGE.export(torch.nn.Sequential(cell), (7,))).shapes["0/lif"][1] == (7,)


RULES = [
    {"threshold": "ge", "integrator": "exponential", "initial_v": "leak"},
    {},
    {"reset": "subtract", "reset_when": "next"},
    {"reset": "none"},
    {"synapse_input": "jump"},
    {"synapse_input": "jump-then-decay"},
]


def fitting(kind, rule):
    """Random parameters; a Synaptic resets to where it rests, and rests at 0 to subtract."""
    if kind != "CubaLIF":
        return neuron(kind)
    node = neuron(kind)
    node.v_reset = node.v_leak = 0 * node.v_leak if rule.get("reset") == "subtract" else node.v_leak
    return node


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", NEURONS)
def test_nir_runs_on_snntorch_and_comes_back(kind, rule):
    d = nirx.Discretization(dt=1e-3, **rule)
    assert_bridged(BRIDGE, around(fitting(kind, rule)), d, drive())


@pytest.mark.parametrize(("kind", "late"), [("LIF", "next-leaked"), ("CubaLIF", "next")])
def test_a_late_reset_to_a_value(kind, late):
    d = nirx.Discretization(dt=1e-3, reset_when=late)
    assert_bridged(BRIDGE, around(fitting(kind, {})), d, drive())


def test_in_float32_too():
    d = nirx.Discretization(dt=1e-3)
    assert_bridged(BRIDGE, around(neuron("LIF")), d, drive(), "float32")


REFUSED = [
    ("LIF", {"reset": "subtract"}, "reset_when='same'.*Leaky cannot.*reset_when='next'"),
    ("LIF", {"spikes": "multi"}, "spikes='multi'.*spikes='single'"),
    ("LIF", {"reset_when": "next"}, "reset_when='next'.*nearest"),
    ("CubaLIF", {"synapse": "voltage-first"}, "Synaptic cannot.*synapse='current-first'"),
    ("CubaLIF", {}, "v_reset.*resets to where it rests.*nearest is v_reset="),
    ("CubaLIF", {"reset": "subtract", "reset_when": "next"}, "v_leak.*nearest is v_leak=0.0"),
]


@pytest.mark.parametrize(("kind", "rule", "text"), REFUSED)
def test_what_snntorch_cannot_do_is_refused_with_the_nearest(kind, rule, text):
    d = nirx.Discretization(dt=1e-3, **rule)
    with pytest.raises(nirx.UnsupportedError, match=f"'neuron': .*{text}"):
        assert_bridged(BRIDGE, around(neuron(kind)), d, drive(10))


ODD = [
    (lambda: snn.Leaky(0.9, inhibition=True), "inhibition has no NIR node"),
    (
        lambda: snn.RSynaptic(0.9, 0.8, linear_features=30, reset_delay=False),
        "cannot run in snntorch itself",
    ),
]


@pytest.mark.filterwarnings("ignore:Inhibition is an unstable feature:UserWarning")
@pytest.mark.parametrize(("build", "text"), ODD)
def test_options_without_a_nir_node_are_refused_by_name(build, text):
    with pytest.raises(nirx.UnsupportedError, match=f"1: .*{text}"):
        BRIDGE.export(linear_and(build()), None)


def test_a_subtraction_at_once_is_exported_with_a_warning():
    with pytest.warns(UserWarning, match="subtracts the threshold of a spike at once only"):
        BRIDGE.export(linear_and(snn.Leaky(0.9, **NOW)), None)


def test_trained_parameters_come_back():
    d = nirx.Discretization(dt=1e-3)
    graph = around(fitting("CubaLIF", {}))
    net = nirx_torch.from_nir(graph, d, "float64", node_map=BRIDGE.node_map)
    cell, xs = net.neuron.cell, drive(300)
    with torch.no_grad():
        cell.threshold.mul_(1.5)
        cell.alpha.mul_(0.8)
        cell.beta.mul_(0.9)
    back = nirx_torch.to_nir(net)
    keep = 1 - 1e-3 / graph.nodes["neuron"].tau_syn
    np.testing.assert_allclose(1 - 1e-3 / back.nodes["neuron"].tau_syn, 0.8 * keep)
    assert_same_spikes(net, xs, back, d)


def test_a_model_runs_in_nirx_as_in_snntorch():
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        snn.Leaky(0.8, init_hidden=True),
        torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(4, 6, 2, bias=False),
        snn.Synaptic(0.5, 0.7, init_hidden=True, **ZERO),
        torch.nn.Flatten(),
        torch.nn.Linear(24, 5),
        snn.Leaky(0.9, init_hidden=True, **ZERO, **NOW),
    ).double()
    for part in (model[0], model[3], model[6]):
        torch.nn.init.normal_(part.weight, 0.2, 0.3)
    xs = 3 * np.random.default_rng(0).random((40, 3, 1, 8, 8))
    assert_layers_agree(BRIDGE, model, xs, map(str, range(len(model))))


# Its own functions for NIR. When one of these fails, snnTorch has fixed it: change the notes.

ONE = np.ones(3)
DT = 1e-4


def test_its_importer_has_one_gain_for_a_layer():
    tau = np.array([1e-3, 2e-3, 4e-3])
    leaky = _nir_to_snntorch_module(nir.LIF(tau, ONE, 0 * ONE, ONE, 0 * ONE))
    gains = tau / DT  # each neuron would need its own threshold, v_threshold/(r*dt/tau)
    assert leaky.threshold.numel() == 1
    assert float(leaky.threshold) == pytest.approx(gains[-1])


def test_its_importer_drops_v_reset():
    tau = 1e-3 * ONE
    leaky = _nir_to_snntorch_module(nir.LIF(tau, tau / DT, 0 * ONE, ONE, -ONE))
    assert leaky.reset_mechanism == "zero"


def test_its_importer_lets_an_if_leak():
    leaky = _nir_to_snntorch_module(nir.IF(ONE, ONE, 0 * ONE))
    assert float(leaky.beta) == pytest.approx(0.9)


def test_its_exporter_writes_subtract_as_v_reset_0():
    leaky = snn.Leaky(0.9 * torch.ones(3), threshold=torch.ones(3))
    node = _extract_snntorch_module(leaky)
    assert leaky.reset_mechanism == "subtract"
    assert (node.v_reset == 0).all()


# -- what its own step takes for a spike, or clamps ----------------------------------------


def _with(kind, **values):
    return changed(neuron(kind, rest=0.0), **values)


@pytest.mark.parametrize(
    ("node", "rule", "text"),
    [
        (_with("LIF", tau=0.6e-3), {}, "tau.*has decays of 0 or more"),
        (_with("CubaLIF", tau_syn=0.5e-3), {}, "tau_syn.*has decays of 0 or more"),
        (_with("CubaLI", tau_mem=0.5e-3), {}, "tau_mem.*has decays of 0 or more"),
        (_with("LIF", v_leak=1.2, v_threshold=1.0), {"initial_v": "leak"}, "v_threshold.*start"),
        (_with("LIF", v_threshold=-0.5, v_reset=-1.0), {}, "v_threshold.*start or a reset"),
        (_with("LIF", v_threshold=0.0), {"threshold": "ge"}, "v_threshold.*start or a reset"),
        (neuron("LIF"), {"spikes": "multi", "max_spikes": 3, "threshold": "ge"}, "spikes='single'"),
    ],
)
def test_parameters_for_which_its_step_is_another_are_refused(node, rule, text):
    d = nirx.Discretization(dt=1e-3, **rule)
    with pytest.raises(nirx.NotRepresentable, match=f"'neuron': .*{text}") as caught:
        assert_bridged(BRIDGE, around(node), d, drive(50))
    assert caught.value.rule is not None or caught.value.node is not None


def test_scalar_parameters_and_ties():
    node = nir.LIF(*(np.array(v) for v in (8e-3, 2.0, 0.1, 0.5, 0.0)))
    graph = around(_with("LIF"))
    graph.nodes["neuron"] = node
    d = nirx.Discretization(dt=1e-3, threshold="ge")
    assert_bridged(BRIDGE, graph, d, drive(200))


def test_a_model_with_the_state_of_a_training_run_moves():
    model = torch.nn.Sequential(torch.nn.Linear(5, 30), snn.Leaky(beta=0.9, init_hidden=True))
    torch.nn.init.normal_(model[0].weight, 0.5)
    model(torch.ones(4, 5))
    assert model[1].mem.grad_fn is not None
    before = model[1].mem.detach().clone()
    moved = nirx.move(model, "torch")
    assert moved.fidelity in ("exact", "rounding")
    assert torch.equal(model[1].mem.detach(), before)


def test_one_state_for_two_calls_is_refused():
    lif = snn.Leaky(beta=0.9, init_hidden=True)
    model = torch.nn.Sequential(torch.nn.Linear(5, 5), lif, torch.nn.Linear(5, 5), lif)
    with pytest.raises(nirx.UnsupportedError, match="is called twice in a step and keeps one"):
        BRIDGE.export(model, None)
