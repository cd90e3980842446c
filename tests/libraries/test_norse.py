"""Norse's cells step as their presets say, and NIR neurons as its cells step as nirx does."""

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
from support.bridges import assert_same_spikes

norse = pytest.importorskip("norse.torch", reason="norse is installed by `make libraries` only")

from norse.torch.functional.reset import reset_subtract  # noqa: E402

from nirx_torch.bridges.norse import BRIDGE  # noqa: E402

P = {"v_leak": torch.tensor(0.1), "v_th": torch.tensor(0.8), "v_reset": torch.tensor(-0.2)}
BOX = norse.LIFBoxParameters(tau_mem_inv=torch.tensor(120.0), **P)
SUBTRACT = norse.LIFBoxParameters(tau_mem_inv=torch.tensor(120.0), reset_method=reset_subtract)
CURRENT = {"tau_syn_inv": torch.tensor(250.0), "tau_mem_inv": torch.tensor(120.0)}
CELLS = [
    (norse.LIFBoxCell(BOX), "norse.LIFBoxCell"),
    (norse.LIFBoxCell(SUBTRACT), "norse.LIFBoxCell"),
    (norse.LIFBoxCell(dt=2e-3), "norse.LIFBoxCell"),
    (norse.LIBoxCell(norse.LIBoxParameters(v_leak=torch.tensor(0.3))), "norse.LIBoxCell"),
    (norse.LIFCell(norse.LIFParameters(**CURRENT, **P)), "norse.LIFCell"),
    (norse.LICell(norse.LIParameters(**CURRENT, v_leak=torch.tensor(0.3))), "norse.LIFCell"),
    (norse.IAFCell(norse.IAFParameters(v_th=torch.tensor(7.0))), "norse.IAFCell"),
]


@pytest.mark.parametrize("case", range(len(CELLS)))
def test_a_cell_steps_as_its_preset_says(case):
    cell, preset = CELLS[case]
    model = norse.SequentialState(torch.nn.Linear(5, 30), cell)
    torch.manual_seed(0)
    torch.nn.init.normal_(model[0].weight, 0.4)
    graph = BRIDGE.export(model, None)
    asked = nirx.PRESETS[preset]
    stored = nirx.schedule(graph).discretization
    same = {"dt": cell.dt, "reset": stored.reset}
    assert stored == nirx.Discretization.from_json(replace(asked, **same).to_json())
    xs = drive().astype(np.float32)
    outputs, v, i, state = [], [], [], None
    with torch.no_grad():
        for x in torch.from_numpy(xs):
            y, state = cell(model[0](x), state)
            outputs.append(y)
            v.append(state.v)
            i.append(getattr(state, "i", None))
    states = {"1.v": torch.stack(v)}
    if i[0] is not None:  # Norse keeps the current after its decay
        states["1.i"] = torch.stack(i) / (1 - cell.dt * cell.p.tau_syn_inv)
    scale = max(1.0, float(states["1.v"].abs().max()))
    assert_same_steps(
        graph, xs, {"1": torch.stack(outputs)}, states, dtype="float32", atol=1e-6 * scale
    )


RULES = [
    {},
    {"integrator": "exponential", "initial_v": "leak", "threshold": "ge"},
    {"synapse_input": "jump"},
    {"synapse_input": "jump-then-decay"},
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", [k for k in NEURONS if k != "I"])
def test_nir_runs_on_norse_and_comes_back(kind, rule):
    assert nir.I not in BRIDGE.node_map
    d = nirx.Discretization(dt=1e-3, **rule)
    assert_bridged(BRIDGE, around(neuron(kind)), d, drive())


def test_lif_box_subtracts_too():
    d = nirx.Discretization(dt=1e-3, reset="subtract")
    assert_bridged(BRIDGE, around(neuron("LIF")), d, drive())


REFUSED = [
    ("LIF", {"reset": "subtract", "reset_when": "next"}, "reset_when='next'.*reset_when='same'"),
    ("LIF", {"threshold": "ge", "spikes": "multi"}, "spikes='multi'.*spikes='single'"),
    ("IF", {"reset": "subtract"}, "norse.IAFCell cannot do that.*reset='value'"),
    ("CubaLIF", {"synapse": "voltage-first"}, "norse.LIFCell.*synapse='current-first'"),
    ("CubaLI", {"output": "old", "reset": "none"}, "norse.LICell.*output='new'"),
]


@pytest.mark.parametrize(("kind", "rule", "text"), REFUSED)
def test_what_norse_cannot_do_is_refused_with_the_nearest(kind, rule, text):
    d = nirx.Discretization(dt=1e-3, **rule)
    with pytest.raises(nirx.UnsupportedError, match=f"'neuron': .*{text}"):
        assert_bridged(BRIDGE, around(neuron(kind)), d, drive(10))


def test_an_iaf_that_starts_at_its_reset_is_no_nir_node():
    cell = norse.IAFCell(norse.IAFParameters(v_reset=torch.tensor(0.5)))
    graph = BRIDGE.export(norse.SequentialState(torch.nn.Linear(5, 30), cell), None)
    assert isinstance(graph.nodes["1"], nirx.Neuron)
    assert graph.nodes["1"].initial["v"] == 0.5


def test_trained_parameters_come_back():
    d = nirx.Discretization(dt=1e-3)
    graph = around(neuron("CubaLIF"))
    net = nirx_torch.from_nir(graph, d, "float64", node_map=BRIDGE.node_map)
    cell = net.neuron.cell
    cell.p.v_th.mul_(1.5)
    cell.p.tau_syn_inv.mul_(0.5)
    back = nirx_torch.to_nir(net).nodes["neuron"]
    np.testing.assert_allclose(back.v_threshold, 1.5 * graph.nodes["neuron"].v_threshold)
    np.testing.assert_allclose(back.tau_syn, 2 * graph.nodes["neuron"].tau_syn)
    assert_same_spikes(net, drive(300), nirx_torch.to_nir(net), d)
