"""Rockpool's torch modules step as their presets say, and NIR neurons as its modules as nirx does.

In float32: whatever its modules compute in, their outputs and records are float32.
"""

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from nirx_conformance.libraries.check import assert_bridged, assert_same_steps
from nirx_conformance.libraries.neurons import alone, around, drive, neuron
from support.bridges import assert_same_spikes, changed, on_a_grid

pytest.importorskip("rockpool", reason="rockpool is installed by `make libraries` only")
pytest.importorskip("rockpool.nn.modules.torch")

from rockpool.nn.combinators import Residual, Sequential
from rockpool.nn.modules.torch import (
    ExpSynTorch,
    LIFNeuronTorch,
    LIFTorch,
    LinearTorch,
    TimeStepDropout,
    TorchModule,
)
from rockpool.nn.modules.torch.lif_torch import PeriodicExponential
from rockpool.nn.modules.torch.nir import (
    _convert_nir_to_rockpool,
    _extract_rockpool_module,
)
from rockpool.nn.networks import SynNet

from nirx_torch.bridges.rockpool import BRIDGE

ONE = {"max_spikes_per_dt": torch.tensor(1.0)}
SINGLE = {"spikes": "single", "max_spikes": None}
TAUS = torch.linspace(4e-3, 2e-2, 30)
# What float32 rounds off a decay is worth 1/(1 - decay) in the state: short time constants.
SHORT = {"tau_mem": 5e-3, "tau_syn": 4e-3, "threshold": 30.0}
MODULES = [
    (lambda: LIFTorch((30,), **SHORT), {}),
    (lambda: LIFTorch((30,), tau_mem=TAUS, tau_syn=TAUS[:, None] / 2, threshold=TAUS * 9e3), {}),
    (lambda: LIFTorch((30,), tau_mem=5e-3, tau_syn=4e-3, bias=0.05, threshold=9.0, **ONE), SINGLE),
    (lambda: LIFTorch((30,), **SHORT, spike_generation_fn=PeriodicExponential), {}),
    (lambda: LIFTorch((30,), **SHORT, dt=2e-3), {"dt": 2e-3}),
    (lambda: LIFTorch((30,), leak_mode="decays", threshold=7.0), {}),
    (lambda: LIFTorch((30,), leak_mode="bitshifts", dash_mem=None, threshold=5.0), {}),
    (lambda: LIFNeuronTorch((30,), tau_mem=TAUS, bias=0.3, threshold=TAUS * 900), {}),
    (lambda: LIFNeuronTorch((30,), tau_mem=9e-3, threshold=9.0, **ONE), SINGLE),
    (lambda: LIFNeuronTorch((30,), max_spikes_per_dt=torch.tensor(2.0)), {"max_spikes": 2}),
    (lambda: ExpSynTorch((30,), tau=TAUS), {}),
]


def linear_and(*modules):
    torch.manual_seed(0)
    model = Sequential(LinearTorch((5, 30), has_bias=True), *modules)
    torch.nn.init.normal_(model[0].weight, 0.4)
    return model


def nodes(model):
    return [name for name, _ in model.named_children()]


@pytest.mark.filterwarnings("ignore:nirx has no formula")  # thresholds differ, or it is periodic
@pytest.mark.parametrize("case", range(len(MODULES)))
def test_a_module_steps_as_its_preset_says(case):
    build, choices = MODULES[case]
    model = linear_and(build())
    graph, name = BRIDGE.export(model, None), nodes(model)[1]
    kind = type(model[1]).__name__
    expected = replace(nirx.PRESETS[f"rockpool.{kind}"], **choices)
    assert nirx.schedule(graph).discretization == expected
    xs = drive().astype(np.float32)
    with torch.no_grad():
        y, _, record = model(torch.from_numpy(xs).movedim(0, 1), record=True)
    kept = {"v": record[name].get("vmem"), "i": record[name].get("isyn")}
    states = {
        f"{name}.{k}": v.reshape(y.shape).movedim(1, 0) for k, v in kept.items() if v is not None
    }
    scale = max([1.0, *(float(s.abs().max()) for s in states.values())])
    atol = 2e-6 * (scale if states else float(y.abs().max()))
    assert_same_steps(graph, xs, {name: y.movedim(1, 0)}, states, dtype="float32", atol=atol)


def test_its_exporter_writes_an_r_for_the_gain_of_euler():
    layer = ExpSynTorch((30,), tau=TAUS)
    node = _extract_rockpool_module(layer)
    node = nir.LI(
        *(np.broadcast_to(p.detach(), 30).copy() for p in (node.tau, node.r, node.v_leak))
    )
    graph, xs = around(node), drive(300)
    graph.metadata["nirx_discretization"] = nirx.PRESETS["rockpool.to_nir"].to_json()
    currents = xs @ graph.nodes["fc"].weight.T + graph.nodes["fc"].bias
    with torch.no_grad():
        y, *_ = layer(torch.from_numpy(currents.astype(np.float32)).movedim(0, 1))
    assert_same_steps(graph, xs, {"neuron": y.movedim(1, 0)}, atol=1e-5 * float(y.abs().max()))


def test_recurrent_weights_carry_the_spikes_of_the_step_before():
    torch.manual_seed(1)
    lif = LIFTorch((30,), has_rec=True, w_rec=0.05 * torch.randn(30, 30), threshold=6.0, **ONE)
    model = linear_and(lif)
    xs, name = drive(300), nodes(model)[1]
    graph = BRIDGE.export(model, None)
    np.testing.assert_array_equal(graph.nodes[name].nodes["recurrent"].weight, lif.w_rec.detach().T)
    own = BRIDGE.run(model, xs, "float32")
    assert_same_steps(graph, xs, {f"{name}/lif": own[name]}, dtype="float32")


RULES = [
    {},
    {"threshold": "ge", "integrator": "exponential", "initial_v": "leak"},
    {"spikes": "multi"},
    {"spikes": "multi", "max_spikes": 3},
    {"synapse_input": "jump"},
    {"synapse_input": "jump-then-decay"},
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_nir_runs_on_rockpool_and_comes_back(kind, rule):
    d = nirx.Discretization(dt=1e-3, reset="subtract", **rule)
    assert_bridged(BRIDGE, around(neuron(kind)), d, drive(), "float32")


@pytest.mark.parametrize("spikes", ["single", "multi"])
@pytest.mark.parametrize("threshold", ["gt", "ge"])
def test_an_if_and_its_ties_are_as_the_rule_says(threshold, spikes):
    """On sums that are exact: an IF never forgets what float32 rounds off."""
    graph, xs = on_a_grid()
    d = nirx.Discretization(dt=2**-10, threshold=threshold, reset="subtract", spikes=spikes)
    assert_bridged(BRIDGE, graph, d, xs, "float32")


SUBTRACT = {"reset": "subtract"}
REFUSED = [
    ("LIF", {}, {}, "float32", "reset='value'.*LIFNeuronTorch cannot.*reset='subtract'"),
    ("LIF", {}, {**SUBTRACT, "reset_when": "next"}, "float32", "'next'.*reset_when='same'"),
    ("CubaLIF", {}, {**SUBTRACT, "synapse": "voltage-first"}, "float32", "LIFTorch.*current-first"),
    ("LIF", {}, SUBTRACT, "float64", "dtype='float64'.*nearest is float32"),
    ("LIF", {"tau": 1e-3}, SUBTRACT, "float32", "tau.*=0.001.*nearest is tau=0.002"),
    ("CubaLIF", {"tau_syn": 1e-3}, SUBTRACT, "float32", "tau_syn.*nearest is tau_syn=0.002"),
    ("IF", {"v_threshold": -1.0}, SUBTRACT, "float32", "v_threshold.*=-1.0.*v_threshold=1.0"),
]


@pytest.mark.parametrize(("kind", "values", "rule", "dtype", "text"), REFUSED)
def test_what_rockpool_cannot_do_is_refused_with_the_nearest(kind, values, rule, dtype, text):
    node = changed(neuron(kind), **values)
    d = nirx.Discretization(dt=1e-3, **rule)
    with pytest.raises(nirx.UnsupportedError, match=f"'neuron': .*{text}"):
        assert_bridged(BRIDGE, around(node), d, drive(10), dtype)


ODD = [
    (lambda: LIFTorch((30, 15)), "2 synapses for a neuron have no NIR node"),
    (lambda: LIFTorch((30,), noise_std=0.1), "noise_std=0.1 is random; set it to 0"),
    (
        lambda: LIFTorch((30,), max_spikes_per_dt=torch.tensor(1.5)),
        "max_spikes_per_dt=1.5 has no NIR node",
    ),
    (lambda: LIFTorch((30,), spike_generation_fn=Mine), "this spike_generation_fn has no NIR node"),
    (lambda: Mute(shape=(30, 30)), "a Mute has no NIR node"),
]


class Mine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, *options):
        return x > 0


class Mute(TorchModule):
    def forward(self, x):
        return 0 * x


@pytest.mark.parametrize(("build", "text"), ODD)
def test_options_without_a_nir_node_are_refused_by_name(build, text):
    with pytest.raises(nirx.UnsupportedError, match=f"1_.*: {text}"):
        BRIDGE.export(linear_and(build()), None)


def test_trained_parameters_come_back():
    d = nirx.Discretization(dt=1e-3, reset="subtract")
    graph = around(neuron("CubaLIF"))
    net = nirx_torch.from_nir(graph, d, node_map=BRIDGE.node_map)
    xs = torch.from_numpy(drive(300)).float()
    net.run(xs[:20])[0].sum().backward()
    cell = net.neuron.cell
    for name in ("tau_mem", "tau_syn", "bias", "threshold"):
        assert getattr(cell, name).grad.abs().sum() > 0
        with torch.no_grad():
            getattr(cell, name).mul_(1.2)
    back = nirx_torch.to_nir(net)
    np.testing.assert_allclose(
        back.nodes["neuron"].v_threshold, 1.2 * graph.nodes["neuron"].v_threshold, rtol=1e-6
    )
    assert_same_spikes(net, xs.numpy(), back, d, "float32")


def test_a_layer_without_neurons():
    d = nirx.Discretization(dt=1e-3, reset="subtract")
    assert nirx.move(alone((0,))[0], "rockpool", discretization=d).fidelity == "exact"


@pytest.mark.parametrize("spikes", ["single", "multi"])
def test_what_is_no_count_in_float32_is_refused(spikes):
    d = nirx.Discretization(dt=1e-3, reset="subtract", spikes=spikes)
    graph, _ = alone((3,))
    graph.nodes["neuron"].v_threshold[1] = 1e-7
    with pytest.raises(nirx.UnsupportedError, match=r"v_threshold\[1\]=1e-07.*v_threshold=1e-05"):
        nirx_torch.from_nir(graph, d, node_map=BRIDGE.node_map)


def test_the_least_threshold_counts_exactly():
    graph, xs = alone((3,))
    graph.nodes["neuron"].v_threshold[:] = 1e-5
    d = nirx.Discretization(dt=1e-3, reset="subtract")
    assert_bridged(BRIDGE, graph, d, 20 * xs, "float32")


def test_a_run_leaves_the_random_state():
    model = Sequential(LinearTorch((5, 6)), LIFTorch((6,)))
    before, d = torch.get_rng_state(), nirx.Discretization(dt=1e-3, reset="subtract")
    assert nirx.move(model, "torch", xs=drive(20)).fidelity != "different"
    assert nirx.move(alone((3,))[0], "rockpool", discretization=d).fidelity == "exact"
    assert torch.equal(torch.get_rng_state(), before)


def test_the_state_of_every_sample_is_carried():
    d = nirx.Discretization(dt=1e-3, reset="subtract")
    net = nirx_torch.from_nir(around(neuron("LIF")), d, node_map=BRIDGE.node_map)
    xs = torch.from_numpy(drive(50)).float()
    with torch.no_grad():
        whole, _ = net.run(xs)
        first, state = net.run(xs[:20])
        rest, _ = net.run(xs[20:], state)
        each = [net.run(xs[:, k])[0] for k in range(4)]
    assert torch.equal(whole, torch.cat([first, rest]))
    assert torch.equal(whole, torch.stack(each, 1))


class Own(TorchModule):
    """A user's module, as in Rockpool's tutorials."""

    def __init__(self):
        super().__init__(shape=(5, 10))
        self.fc, self.lif = LinearTorch((5, 10)), LIFTorch((10,), threshold=2.0)

    def forward(self, x):
        y, _, _ = self.fc(x)
        z, _, _ = self.lif(y)
        return z


def three_layers():
    inner = Residual(LinearTorch((20, 20)), LIFTorch((20,), threshold=9.0, **ONE))
    return Sequential(
        LinearTorch((5, 20), has_bias=True),
        LIFTorch((20,), threshold=40.0),
        inner,
        LinearTorch((20, 4)),
        LIFNeuronTorch((4,)),
        ExpSynTorch((4,)),
    )


@pytest.mark.parametrize("build", [three_layers, Own])
def test_a_model_runs_in_nirx_as_in_rockpool(build):
    torch.manual_seed(3)
    model = build()
    xs = drive(200).astype(np.float32)
    graph, theirs = BRIDGE.export(model, None), BRIDGE.run(model, xs, "float32")
    again = BRIDGE.run(model, xs, "float32")
    keys = [n for n, node in graph.nodes.items() if not isinstance(node, nir.NIRGraph)]
    keys = [k for k in keys if k not in ("input", "output")]
    assert {*keys, "output"} <= theirs.keys()
    ys, _, ours = nirx.from_nir(graph, "numpy").run(xs, record=keys)
    for key in keys:
        assert theirs[key].any()
        np.testing.assert_array_equal(theirs[key], again[key])
        np.testing.assert_allclose(theirs[key], ours[key], rtol=0, atol=1e-3, err_msg=key)
    np.testing.assert_allclose(theirs["output"], ys, rtol=0, atol=1e-3)


def syn_net(**options):
    torch.manual_seed(0)
    return SynNet(3, 5, size_hidden_layers=[12], time_constants_per_layer=[2], **options)


@pytest.mark.filterwarnings("ignore:nirx has no formula")  # its PeriodicExponential
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("options", [{}, {"p_dropout": 0.4}, {"output": "vmem", "p_dropout": 0.4}])
def test_a_syn_net_is_its_chain(options):
    model, xs = syn_net(**options).eval(), (4 * drive(60)).astype(np.float32)
    graph, theirs = BRIDGE.export(model, None), BRIDGE.run(model, xs, "float32")
    last = nir.CubaLI if "output" in options else nir.CubaLIF
    assert type(graph.nodes["out_neurons"]) is last
    with torch.no_grad():
        y, _, _ = model.reset_state()(torch.from_numpy(xs).movedim(0, 1))
    np.testing.assert_array_equal(y.movedim(1, 0), theirs["output"])
    assert theirs["output"].any()
    keys = [key for key in theirs if key in graph.nodes]
    assert {"0_linear", "0_neurons", "out_linear", "output"} <= set(keys)
    _, _, ours = nirx.from_nir(graph, "numpy").run(xs, record=keys)
    for key in keys:
        np.testing.assert_allclose(theirs[key], ours[key], rtol=0, atol=1e-4, err_msg=key)


@pytest.mark.filterwarnings("ignore:nirx has no formula")  # its PeriodicExponential
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_dropout_of_time_steps_is_left_out_in_eval_mode():
    model = linear_and(TimeStepDropout((30,)), LIFTorch((30,))).eval()
    assert not any("Dropout" in name for name in BRIDGE.export(model, None).nodes)
    with pytest.raises(nirx.UnsupportedError, match=r"1_TimeStepDropout: .*call eval\(\)"):
        BRIDGE.export(model.train(), None)
    with pytest.raises(nirx.UnsupportedError, match=r"0_dropout: .*call eval\(\)"):
        BRIDGE.export(syn_net(p_dropout=0.4), None)


def test_dropout_in_a_users_module_is_left_out_in_eval_mode():
    model = Dropped().eval()
    assert set(BRIDGE.export(model, None).nodes) == {"input", "fc", "lif", "output"}


class Dropped(Own):
    def __init__(self):
        super().__init__()
        self.drop = TimeStepDropout((10,))

    def forward(self, x):
        y, _, _ = self.drop(super().forward(x))
        return y


# Its own functions for NIR. When one of these fails, Rockpool has fixed it: change the notes.


def test_its_exporter_drops_recurrent_weights():
    node = _extract_rockpool_module(LIFTorch((3,), has_rec=True))
    assert isinstance(node, nir.CubaLIF)


def test_its_exporter_drops_the_bias():
    node = _extract_rockpool_module(LIFTorch((3,), bias=0.5))
    assert not node.v_leak.any()


def test_its_exporter_gives_a_synapse_of_another_size():
    """Its i becomes beta*(i + x), which a w_in of 1 says in no rule but jump-then-decay."""
    lif = LIFTorch((3,), tau_mem=1e-2, tau_syn=1e-2)
    node = _extract_rockpool_module(lif)
    keep = np.exp(-0.1)
    np.testing.assert_allclose(node.r, keep / 0.1, rtol=1e-6)  # exact is 1/(1 - keep)
    assert abs(node.r[0] - 1 / (1 - keep)) > 1


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_its_importer_takes_dt_from_the_parameters():
    one = np.ones(3)
    given = {"tau_mem": 1e-2 * one, "tau_syn": 1e-2 * one, "v_leak": 0 * one, "v_threshold": one}
    for r in (1.0, 4.0):
        lif = _convert_nir_to_rockpool(nir.CubaLIF(r=r * one, **given))
        assert lif.dt == pytest.approx(1e-2 / (1 + r))


def test_its_importer_cannot_read_a_lif():
    one = np.ones(3)
    with pytest.raises(AttributeError, match="tau_mem"):
        _convert_nir_to_rockpool(nir.LIF(1e-2 * one, one, 0 * one, one))


def test_only_the_first_sample_keeps_its_state():
    lif = LIFTorch((3,))
    lif(torch.rand(2, 4, 3))
    assert lif.vmem.shape == (3,)
