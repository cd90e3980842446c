"""Units: the float graph in other units computes the same, and what has no units is refused."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import json
from dataclasses import replace

import nir
import numpy as np
import pytest

import nirx
from nirx import Arithmetic, Discretization
from nirx.comparison.integers import IntegerComparison
from support.graphs import chain, line, make_graph, neuron, recurrent

DRAW = np.random.default_rng(0)
FINE = Arithmetic(weight_bits=16, synapse_bits=32, membrane_bits=32, decay_bits=20)
FLOATS = Discretization(dt=1.0)


def spikes(steps=60, size=3, rate=0.4):
    return (np.random.default_rng(1).random((steps, size)) < rate).astype(np.int64)


def network(kind=nir.CubaLIF, **values):
    """3 inputs -> Affine -> 5 unlike neurons with feedback -> Linear -> 2 LI."""
    draw = np.random.default_rng(2)
    own = {
        "tau": np.linspace(2.0, 6.0, 5),
        "tau_mem": np.linspace(3.0, 6.0, 5),
        "tau_syn": np.linspace(1.5, 4.0, 5),
        "r": np.linspace(0.8, 1.5, 5),
        "v_threshold": np.linspace(0.2, 0.4, 5),
        "v_reset": np.linspace(-0.1, 0.1, 5),
        "v_leak": np.linspace(-0.05, 0.05, 5),
    }
    own = {k: v for k, v in own.items() if hasattr(neuron(kind), k)}
    nodes = {
        "fc": nir.Affine(draw.normal(0.5, 0.7, size=(5, 3)), draw.normal(size=5) * 0.1),
        "n": neuron(kind, 5, **{**own, **values}),
        "w": nir.Linear(-draw.random(size=(5, 5)) * 0.05),
        "out": nir.Linear(draw.normal(size=(2, 5))),
        "li": neuron(nir.LI, 2, tau=np.array([4.0, 8.0]), r=np.array([1.0, 2.0])),
    }
    edges = [*line("input", "fc", "n", "out", "li", "output"), *line("n", "w", "n")]
    return make_graph(edges, 3, 2, **nodes)


def compared(graph, arithmetic, floats=FLOATS, size=3) -> IntegerComparison:
    found = nirx.compare(graph, spikes(size=size), arithmetic=arithmetic, discretization=floats)
    assert isinstance(found, IntegerComparison)
    return found


@pytest.mark.parametrize("kind", [nir.CubaLIF, nir.LIF, nir.IF])
@pytest.mark.parametrize(
    ("floats", "target"),
    [
        ({}, {"dt": 0.5}),
        ({}, {"integrator": "exponential"}),
        ({"integrator": "exponential"}, {"dt": 2.0}),
        ({"integrator": "exponential", "input_gain": "euler"}, {"integrator": "exponential"}),
        ({"reset": "subtract", "spikes": "multi"}, {"dt": 3.0}),
        ({}, {"synapse_input": "jump"}),
        ({"synapse_input": "jump"}, {"dt": 2.0}),
        ({"synapse_input": "jump-then-decay"}, {"synapse_input": "jump-then-decay", "dt": 2.0}),
    ],
)
@pytest.mark.sampled(8)
def test_other_units_change_nothing(kind, floats, target):
    """The target computes the same step in other words: its choices alone change no spike."""
    before = replace(FLOATS, **floats)
    asked = replace(before, **{"input_gain": "matched", **target}, arithmetic=FINE)
    found = compared(network(kind), asked, before)
    assert found.causes["choices"] == 0
    assert found.spikes["n"][0] > 20
    assert found.spike_mismatches <= 3
    assert found.spike_mismatches < found.recordings["float"]["n"].size / 50


@pytest.mark.parametrize("scale", ["layer", "channel", "power-of-two"])
@pytest.mark.parametrize("kind", [nir.CubaLI, nir.I, nir.LI])
def test_outputs_divided_by_their_unit_are_the_float_graphs(kind, scale):
    graph = chain(
        {
            "w": nir.Linear(DRAW.normal(size=(2, 3))),
            "n": neuron(kind, 2, r=np.array([1.0, 2.0])),
        },
        3,
        2,
    )
    found = nirx.quantize(graph, FINE, scale=scale, discretization=FLOATS)
    xs = spikes()
    expected = nirx.from_nir(graph, "numpy", FLOATS, "float64").run(xs.astype(float))[0]
    got = nirx.from_nir(found.graph, "numpy").run(xs)[0]
    assert got.dtype == np.int64
    unit = found.outputs["output"]
    assert isinstance(unit, float)  # one for both neurons, though their r differ
    assert np.abs(got / unit - expected).max() < 1e-3 * np.abs(expected).max()


def test_channels_have_thresholds_of_their_own_before_neurons_that_spike():
    weight = np.diag([1.0, 0.1, 0.02])
    graph = chain({"w": nir.Linear(weight), "n": neuron(nir.IF, 3)}, 3)
    found = nirx.quantize(graph, Arithmetic(), scale="channel", discretization=FLOATS)
    assert np.array_equal(np.diag(found.graph.nodes["w"].weight), [127, 127, 127])
    assert np.allclose(found.graph.nodes["n"].v_threshold, [127, 1270, 6350])
    layer = nirx.quantize(graph, Arithmetic(), discretization=FLOATS).graph
    assert np.array_equal(np.diag(layer.nodes["w"].weight), [127, 13, 3])


def test_channels_of_a_readout_share_one_scale():
    graph = chain([nir.Linear(np.array([[1.0, -1.0], [0.1, 0.1]]))])
    found = nirx.quantize(graph, Arithmetic(), scale="channel", discretization=FLOATS)
    assert np.array_equal(found.graph.nodes["n0"].weight, [[127, -127], [13, 13]])
    assert found.outputs == {"output": 127.0}


def test_convolutions_have_scales_by_channel_and_the_average_becomes_a_sum():
    weight = DRAW.normal(size=(4, 1, 3, 3)) * np.array([1, 0.3, 2, 0.5])[:, None, None, None]
    nodes = {
        "c": nir.Conv2d((8, 8), weight, 1, 1, 1, 2, DRAW.normal(size=4) * 0.1),
        "n": neuron(nir.IF, (4, 8, 8)),
        "p": nir.AvgPool2d(np.array([3, 3]), np.array([2, 2]), np.array([0, 0])),
        "c2": nir.Conv2d((3, 3), DRAW.normal(size=(2, 4, 3, 3)), 1, 0, 1, 1, None),
        "n2": neuron(nir.IF, (2, 1, 1), v_threshold=0.5),
    }
    graph = chain(nodes, (2, 8, 8), (2, 1, 1))
    xs = spikes(40, 128).reshape(40, 2, 8, 8)
    for scale in ("channel", "layer"):
        found = nirx.quantize(graph, FINE, scale=scale, discretization=FLOATS)
        assert type(found.graph.nodes["p"]) is nir.SumPool2d
        per_channel = np.abs(found.graph.nodes["c"].weight).max(axis=(1, 2, 3))
        assert (per_channel > 30000).all() == (scale == "channel")
        got = nirx.from_nir(found.graph, "numpy").run(xs, record=["n", "n2"])[2]
        run = nirx.from_nir(graph, "numpy", FLOATS, "float64").run
        expected = run(xs.astype(float), record=["n", "n2"])[2]
        for key in ("n", "n2"):
            assert expected[key].sum() > 5
            assert (got[key] != expected[key]).mean() < 0.01


def test_powers_of_two_and_given_scales():
    graph = chain({"w": nir.Linear(np.array([[0.7, -0.2]])), "n": neuron(nir.IF, 1)}, 2, 1)
    found = nirx.quantize(graph, Arithmetic(), scale="power-of-two", discretization=FLOATS)
    assert np.array_equal(found.graph.nodes["w"].weight, [[90, -26]])  # 128
    given = nirx.quantize(graph, Arithmetic(), scale={"w": 200}, discretization=FLOATS)
    assert np.array_equal(given.graph.nodes["w"].weight, [[127, -40]])
    assert given.graph.nodes["n"].v_threshold == [200]
    (weights, _) = given.report
    assert (weights.saturated, weights.weights) == (1, 2)
    assert "1 weights saturate" in weights.notes[0]


def test_shifts_are_mantissas():
    own = Arithmetic(weight_shift=3, bias_shift=2, threshold_shift=4, input_shift=1)
    graph = chain({"w": nir.Affine(np.eye(2), np.full(2, 0.5)), "n": neuron(nir.IF)})
    found = nirx.quantize(graph, own, discretization=FLOATS)
    unit = 127 * 2**3 * 2  # of a value, as its input is shifted by 1
    assert np.array_equal(found.graph.nodes["w"].weight, 127 * np.eye(2))
    assert np.array_equal(found.graph.nodes["w"].bias, [unit / 2 / 2**2] * 2)
    assert np.array_equal(found.graph.nodes["n"].v_threshold, [unit / 2**4] * 2)
    assert compared(graph, own, size=2).spike_mismatches == 0


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_the_integers_are_the_same_on_every_backend(backend):
    found = nirx.quantize(network(), "loihi", discretization=FLOATS)
    xs = spikes()
    first = nirx.find_backend("numpy").prepare(found.graph, None, "float64")(xs, None, "all")
    other = nirx.find_backend(backend).prepare(found.graph, None, "float64")(xs, None, "all")
    assert nirx.digest(first[2]) == nirx.digest(other[2])


def test_the_graph_passed_in_keeps_its_numbers_and_names():
    graph = recurrent()
    rule = Discretization(dt=1e-3)
    before = nirx.schedule(graph, rule).digest
    found = nirx.quantize(graph, Arithmetic(), discretization=rule)
    assert nirx.schedule(graph, rule).digest == before
    assert "nirx_scales" not in graph.metadata
    assert list(found.graph.nodes) == list(graph.nodes)
    scales = json.loads(found.graph.metadata["nirx_scales"])
    assert set(scales) == {"fc", "input", "li", "lif", "output", "w"}
    assert set(scales["lif"]) == {"membrane"}
    stored = nirx.schedule(found.graph).discretization
    assert stored == found.discretization
    assert stored.arithmetic == Arithmetic()
