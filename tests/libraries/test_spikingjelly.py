"""SpikingJelly's nodes step as their presets say, and NIR neurons as its nodes as nirx does."""

from __future__ import annotations

import logging
from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from nirx_conformance.libraries.check import assert_bridged, assert_same_steps
from nirx_conformance.libraries.neurons import alone, around, drive, neuron
from support.bridges import assert_layers_agree, assert_same_spikes, changed, on_a_grid

logging.getLogger("torch").setLevel(logging.ERROR)
pytest.importorskip("spikingjelly", reason="spikingjelly is installed by `make libraries` only")

from spikingjelly.activation_based import functional, layer, surrogate  # noqa: E402
from spikingjelly.activation_based import neuron as sj  # noqa: E402
from spikingjelly.activation_based.nir_exchange import (  # noqa: E402
    export_to_nir,
    import_from_nir,
)

from nirx_torch.bridges.spikingjelly import BRIDGE  # noqa: E402

SOFT = {"v_reset": None}
NODES = [
    (lambda: sj.LIFNode(), "LIFNode", {}),
    (lambda: sj.LIFNode(7.0, False, 4.0, -0.3), "LIFNode", {}),
    (lambda: sj.LIFNode(7.0, True, 0.8, 0.2), "LIFNode", {}),
    (lambda: sj.LIFNode(7.0, True, **SOFT), "LIFNode", {"reset": "subtract"}),
    (lambda: sj.LIFNode(7.0, False, 4.0, None), "LIFNode", {"reset": "subtract"}),
    (lambda: sj.ParametricLIFNode(5.0), "LIFNode", {}),
    (lambda: sj.ParametricLIFNode(5.0, False, 4.0, None), "LIFNode", {"reset": "subtract"}),
    (lambda: sj.IFNode(7.0), "IFNode", {}),
    (lambda: sj.IFNode(7.0, -0.5), "IFNode", {}),
    (lambda: sj.IFNode(7.0, **SOFT), "IFNode", {"reset": "subtract"}),
    (lambda: sj.CUBALIFNode(v_threshold=9.0), "CUBALIFNode", {}),
    (lambda: sj.CUBALIFNode(0.6, 0.8, 9.0, -0.5), "CUBALIFNode", {}),
    (lambda: sj.CUBALIFNode(0.6, 0.8, 9.0, None), "CUBALIFNode", {"reset": "subtract"}),
]


def linear_and(node):
    torch.manual_seed(0)
    model = torch.nn.Sequential(layer.Linear(5, 30), node).double()
    torch.nn.init.normal_(model[0].weight, 0.4)
    return model


@pytest.mark.parametrize("case", range(len(NODES)))
def test_a_node_steps_as_its_preset_says(case):
    build, preset, choices = NODES[case]
    model = linear_and(build())
    graph = BRIDGE.export(model, None)
    expected = replace(nirx.PRESETS[f"spikingjelly.{preset}"], **choices)
    assert nirx.schedule(graph).discretization == expected
    xs, cell = drive(), model[1]
    with torch.no_grad():
        rows = [(model(x), cell.v, getattr(cell, "c", None)) for x in torch.from_numpy(xs)]
    y, v, c = zip(*rows, strict=True)
    # NIR's IF and CubaLIF start at 0, so there v counts from where SpikingJelly starts.
    by = cell.v_reset or 0.0 if preset != "LIFNode" else 0.0
    states = {"1.v": torch.stack(v) - by}
    if c[0] is not None:
        states["1.i"] = torch.stack(c)
    scale = max(1.0, *(float(s.abs().max()) for s in states.values()))
    assert_same_steps(graph, xs, {"1": torch.stack(y)}, states, atol=1e-6 * scale)


@pytest.mark.parametrize("case", range(len(NODES)))
def test_both_step_modes_are_the_same_graph_and_run(case):
    build = NODES[case][0]
    model = linear_and(build())
    graph, xs = BRIDGE.export(model, None), drive(100)
    single = BRIDGE.run(model, xs, "float64")
    functional.set_step_mode(model, "m")
    assert nirx.same_graph(BRIDGE.export(model, None), graph)
    whole = BRIDGE.run(model, xs, "float64")
    assert {"0", "1", "output"} <= single.keys() & whole.keys()
    np.testing.assert_allclose(single["0"], whole["0"], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(single["1"], whole["1"])
    assert single["1"].any()


SILENT = [
    (lambda: sj.NonSpikingLIFNode(4.0), "LIFNode"),
    (lambda: sj.NonSpikingIFNode(), "IFNode"),
]


@pytest.mark.parametrize(("build", "preset"), SILENT)
def test_nodes_that_do_not_spike(build, preset):
    model = linear_and(build())
    functional.set_step_mode(model, "m")
    graph, xs = BRIDGE.export(model, None), drive(200)
    assert nirx.schedule(graph).discretization == nirx.PRESETS[f"spikingjelly.{preset}"]
    own = BRIDGE.run(model, xs, "float64")
    assert_same_steps(graph, xs, {"1": own["1"]}, atol=1e-6 * np.abs(own["1"]).max())


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("build", [lambda: sj.LIFNode(4.0, False, 2.0), lambda: sj.IFNode(3.0)])
def test_a_recurrent_container_gets_the_spikes_of_the_step_before(build, mode):
    torch.manual_seed(0)
    loop = layer.LinearRecurrentContainer(build(), 20, 20)
    torch.nn.init.normal_(loop.rc.weight, 0.05, 0.2)
    model = torch.nn.Sequential(layer.Linear(5, 20), loop).double()
    for part in (model[0], loop):
        part.step_mode = mode
    xs = drive(300)
    own = BRIDGE.run(model, xs, "float64")
    assert_same_steps(BRIDGE.export(model, None), xs, {"1/lif": own["1"]})


RULES = [
    {},
    {"threshold": "ge", "integrator": "exponential", "initial_v": "leak"},
    {"reset": "subtract"},
    {"reset": "subtract", "threshold": "ge"},
    {"synapse_input": "jump"},
    {"synapse_input": "jump-then-decay"},
]


def one_tau(kind):
    """Random parameters, but one time constant for all."""
    node, same = neuron(kind), neuron(kind, uniform=True)
    for name in ("tau", "tau_mem", "tau_syn"):
        if hasattr(node, name):
            setattr(node, name, getattr(same, name))
    return node


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", ["IF", "LIF", "CubaLIF"])
def test_nir_runs_on_spikingjelly_and_comes_back(kind, rule):
    assert {nir.I, nir.LI, nir.CubaLI}.isdisjoint(BRIDGE.node_map)
    d = nirx.Discretization(dt=1e-3, **rule)
    assert_bridged(BRIDGE, around(one_tau(kind)), d, drive())


@pytest.mark.parametrize("kind", ["IF", "LIF", "CubaLIF"])
def test_in_float32_too(kind):
    d = nirx.Discretization(dt=1e-3)
    assert_bridged(BRIDGE, around(neuron(kind, uniform=True)), d, drive(), "float32")


@pytest.mark.parametrize("threshold", ["gt", "ge"])
@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_ties_are_as_the_rule_says(threshold, reset):
    graph, xs = on_a_grid()
    d = nirx.Discretization(dt=2**-10, threshold=threshold, reset=reset)
    for dtype in ("float32", "float64"):
        assert_bridged(BRIDGE, graph, d, xs, dtype)


REFUSED = [
    ("LIF", {"reset": "none"}, "LIFNode cannot do that.*reset='value'"),
    ("IF", {"spikes": "multi"}, "IFNode cannot do that.*spikes='single'"),
    ("CubaLIF", {"synapse": "voltage-first"}, "CUBALIFNode.*synapse='current-first'"),
    ("LIF", {"reset_when": "next"}, "reset_when='next'.*reset_when='same'"),
]


@pytest.mark.parametrize(("kind", "rule", "text"), REFUSED)
def test_what_spikingjelly_cannot_do_is_refused_with_the_nearest(kind, rule, text):
    d = nirx.Discretization(dt=1e-3, **rule)
    with pytest.raises(nirx.UnsupportedError, match=f"'neuron': .*{text}"):
        assert_bridged(BRIDGE, around(one_tau(kind)), d, drive(10))


NODES_REFUSED = [
    ("LIF", {}, "tau from .*LIFNode has one tau.*nearest is their mean"),
    ("CubaLIF", {}, "tau_mem from .*CUBALIFNode has one tau_mem"),
    ("LIF", {"tau": 1e-3}, "tau.*more than one step.*nearest is tau=0.002"),
    ("IF", {"v_threshold": -0.5}, "v_threshold.*one threshold.*nearest is v_threshold="),
]


@pytest.mark.parametrize(("kind", "values", "text"), NODES_REFUSED)
def test_parameters_that_it_lacks_are_refused_with_the_nearest(kind, values, text):
    node = changed(neuron(kind), **values)
    with pytest.raises(nirx.UnsupportedError, match=f"'neuron': .*{text}"):
        assert_bridged(BRIDGE, around(node), nirx.Discretization(dt=1e-3), drive(10))


def test_a_layer_without_neurons():
    for reset in ("value", "subtract"):
        d = nirx.Discretization(dt=1e-3, reset=reset)
        moved = nirx.move(alone((0,))[0], "spikingjelly", discretization=d)
        assert moved.fidelity == "exact"


@pytest.mark.filterwarnings("ignore:.*share a unit")
def test_a_leak_that_rounds_to_none():
    graph, xs = alone((6,), tau=1e15)
    graph.nodes["neuron"].r[:] = 1e18
    assert_bridged(BRIDGE, graph, nirx.Discretization(dt=1e-3), xs)


ODD = [
    (lambda: sj.IFNode(surrogate_function=surrogate.ATan(spiking=False)), "spiking=False"),
    (lambda: sj.NonSpikingLIFNode(decode="max-mem"), "decode='max-mem'.*use decode=None"),
    (lambda: layer.Dropout(0.5), "training mode is random; call eval"),
    (
        lambda: layer.LinearRecurrentContainer(torch.nn.ReLU(), 30, 30),
        "a recurrent ReLU has no NIR node",
    ),
]


@pytest.mark.parametrize(("build", "text"), ODD)
def test_options_without_a_nir_node_are_refused_by_name(build, text):
    model = torch.nn.Sequential(torch.nn.Linear(5, 30), build())
    with pytest.raises(nirx.UnsupportedError, match=f"1: .*{text}"):
        BRIDGE.export(model, None)


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_changed_parameters_come_back(kind):
    d = nirx.Discretization(dt=1e-3)
    net = nirx_torch.from_nir(around(one_tau(kind)), d, "float64", node_map=BRIDGE.node_map)
    cell = net.neuron.cell
    cell.v_threshold *= 1.5
    if kind == "LIF":
        cell.tau *= 2
    else:
        cell.c_decay *= 0.8
        cell.v_decay *= 0.9
    back, xs = nirx_torch.to_nir(net), drive(300)
    assert not nirx.same_graph(back, around(one_tau(kind)))
    assert_same_spikes(net, xs, back, d)


def test_gradients_flow_through_its_surrogate():
    net = nirx_torch.from_nir(
        around(one_tau("LIF")), nirx.Discretization(dt=1e-3), node_map=BRIDGE.node_map
    )
    xs = torch.from_numpy(drive(20)).float().requires_grad_()
    net.run(xs)[0].sum().backward()
    assert xs.grad.abs().sum() > 0


@pytest.mark.parametrize("mode", ["s", "m"])
def test_a_model_runs_in_nirx_as_in_spikingjelly(mode):
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        layer.Conv2d(1, 4, 3),
        sj.LIFNode(3.0, True, 0.7),
        layer.AvgPool2d(2),
        layer.Conv2d(4, 6, 2, bias=False),
        sj.ParametricLIFNode(2.5, v_reset=None),
        layer.Flatten(),
        layer.Dropout(0.5),
        layer.Linear(24, 5),
        sj.IFNode(2.0),
    ).double()
    for part in (model[0], model[3], model[7]):
        torch.nn.init.normal_(part.weight, 0.3, 0.3)
    functional.set_step_mode(model, mode)
    model.eval()
    xs = 3 * np.random.default_rng(0).random((40, 3, 1, 8, 8))
    assert_layers_agree(BRIDGE, model, xs, "01234578")


# Its own functions for NIR. When one of these fails, SpikingJelly has fixed it: change the notes.


def chain(node):
    return nir.NIRGraph.from_list(nir.Affine(np.eye(3), np.zeros(3)), node)


ONE = np.ones(3)
LACKING = [
    (nir.IF(5 * ONE, ONE, 0 * ONE), "r must equal 1 / dt"),
    (nir.LIF(1e-3 * ONE, 3 * ONE, 0 * ONE, ONE, 0 * ONE), "r must equal 1 or tau / dt"),
    (nir.LIF(1e-3 * ONE, ONE, 0 * ONE, ONE, ONE / 2), "v_leak must equal v_reset"),
    (nir.LIF(np.array([1e-3, 2e-3, 3e-3]), ONE, 0 * ONE, ONE, 0 * ONE), "tau must be uniform"),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("node", "text"), LACKING)
def test_its_importer_refuses_most_parameters(node, text):
    with pytest.raises(ValueError, match=text):
        import_from_nir(chain(node))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_its_exporter_refuses_a_soft_reset():
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), sj.LIFNode(v_reset=None))
    with pytest.raises(NotImplementedError, match="soft reset"):
        export_to_nir(model, torch.rand(1, 3))
