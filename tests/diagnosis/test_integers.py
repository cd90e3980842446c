"""`nirx.diagnose` on recordings of chips that compute in integers."""

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
from support.graphs import line, make_graph
from support.paper import shared_folder
from support.whole_graphs import layers, spikes

START = nirx.Discretization(dt=1.0)
NARROW = {"reset_when": ["same"], "output": ["new"], "synapse": ["current-first"]}
"""Fewer choices of a step, for a shorter search."""
STATES = ("a", "b", "a.v", "a.i", "b.v")


def chip(keys=STATES, graph=None, xs=None, **arithmetic):
    """What a chip with this arithmetic records."""
    rule = nirx.Discretization(dt=1.0, reset="subtract", arithmetic=nirx.Arithmetic(**arithmetic))
    net = nirx.from_nir(graph or layers(), "numpy", rule)
    return net.run(spikes(60) if xs is None else xs, record=list(keys))[2]


def found_for(observed, **options):
    options = {"discretization": START, "arithmetic": "search", **options}
    return nirx.diagnose(layers(), spikes(60), observed, **options)


def integers(found):
    """What was found of the arithmetic."""
    assert found.arithmetic is not None
    return found.arithmetic


PLANTED = {
    "saturates": (
        {"membrane_bits": 10, "synapse_bits": 9, "weight_shift": 2},
        "your membrane is 10 bits wide and saturates",
    ),
    "wraps": (
        {
            "membrane_bits": 9,
            "synapse_bits": 8,
            **dict.fromkeys(("membrane_overflow", "synapse_overflow"), "wrap"),
        },
        "your membrane is 9 bits wide and wraps",
    ),
    "shifts": ({"decay": "shift"}, "decays are shifts"),
    "down": (
        {"decay_rounding": "down", "membrane_lowest": -5, "threshold_shift": 1},
        "decays are rounded down",
    ),
    "many": (
        {"decay_rounding": "nearest", "weight_shift": -1, "bias_shift": 1, "input_shift": 1},
        "sums of weights are shifted right by 1 (weight_shift=-1)",
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "wraps" else pytest.mark.exhaustive)
        for name in PLANTED
    ],
)
def test_what_was_planted_is_found(name):
    planted, sentence = PLANTED[name]
    found = found_for(chip(**planted))
    assert found.explained
    assert integers(found).wrong == 0
    assert sentence in found.explain()
    assert found.discretization.reset == "subtract"
    own = found.discretization.arithmetic
    for field, value in planted.items():
        assert getattr(own, field) == value
        assert value in integers(found).possible[field]


def test_what_the_recording_leaves_open_is_said():
    found = found_for(chip(membrane_bits=24, synapse_bits=24), choices=NARROW)
    assert found.explained
    text = found.explain()
    assert "v never shows the limits of its bits" in text
    assert "left open of the arithmetic" in text
    assert {16, 24, 32} <= {*integers(found).open["membrane_bits"]}
    assert found.to_dict()["arithmetic"]["pinned"].items() == integers(found).pinned.items()


def test_a_graph_with_another_arithmetic_is_the_start_of_a_search():
    """Without being asked to: the bits of the graph explain nothing."""
    graph_rule = nirx.Discretization(
        dt=1.0, reset="subtract", arithmetic=nirx.Arithmetic(membrane_bits=9)
    )
    observed = chip(membrane_bits=9, membrane_overflow="wrap")
    options = {"discretization": graph_rule, "arithmetic": None, "choices": NARROW}
    found = found_for(observed, **options)
    assert found.explained
    assert integers(found).arithmetic == nirx.Arithmetic(membrane_bits=9, membrane_overflow="wrap")
    right = found_for(chip(membrane_bits=9), **options)
    assert right.explained
    assert right.arithmetic is None


def neuron(scale=1.0, whole=False):
    """One LIF with a gain of 0.04 and a threshold of 0.1, or these times a scale."""
    gain, threshold = 0.04 * scale, 0.1 * scale
    if whole:
        gain, threshold = np.rint([gain, threshold])
    one = np.ones(1)
    lif = nir.LIF(25 * one, 25 * gain * one, 0 * one, threshold * one, 0 * one)
    return make_graph(line("input", "lif", "output"), np.array([1]), lif=lif)


def test_a_graph_of_fractions_is_scaled_to_the_units_of_the_recording():
    xs = (np.random.default_rng(3).random((400, 1, 1)) < 0.2).astype(int)
    rule = nirx.Discretization(dt=1.0, arithmetic=nirx.Arithmetic(decay_value="down"))
    net = nirx.from_nir(neuron(16000, whole=True), "numpy", rule)
    observed = net.run(xs, record=["lif", "lif.v"])[2]
    found = nirx.diagnose(neuron(), xs, observed, discretization=START, arithmetic="search")
    assert found.explained
    assert integers(found).scales["lif"] == pytest.approx(16000)
    text = found.explain()
    assert "one unit of lif in the graph is 16000 in the recording (250 * 2**6)" in text
    assert "the decay constant is truncated (163, not 164)" in text
    again = nirx.from_nir(integers(found).graph, "numpy", found.discretization)
    np.testing.assert_array_equal(again.run(xs, record=["lif.v"])[2]["lif.v"], observed["lif.v"])


def test_spikes_alone_ask_for_states():
    found = found_for(chip(keys=("b",)), choices={**NARROW, "reset": ["subtract"]})
    assert "more of the integers shows if v" in found.explain()


def test_refusals():
    observed = chip()
    with pytest.raises(nirx.InputError, match=r"expected a nirx\.Arithmetic or 'search'"):
        found_for(observed, arithmetic="loihi")
    with pytest.raises(nirx.InputError, match="expected whole numbers"):
        nirx.diagnose(layers(), spikes(60) * 0.5, observed, arithmetic="search", dt=1.0)
    graph = layers()
    vars(graph.nodes["fc"])["weight"] = np.full((3, 2), 0.5)
    with pytest.raises(nirx.GraphError, match=r"nirx\.quantize"):
        nirx.diagnose(graph, spikes(60), observed, arithmetic=nirx.Arithmetic(), dt=1.0)
    with pytest.raises(nirx.InputError, match=r"nirx\.quantize"):
        nirx.diagnose(graph, spikes(60), observed, arithmetic="search", dt=1.0)


@pytest.mark.exhaustive
def test_the_recording_of_loihi_is_explained_by_its_integers():
    folder = shared_folder("nir_paper")
    values = np.loadtxt(folder / "lif_lava_loihi_fixed.csv", delimiter=",")
    x, v, z = (values[:, None, k : k + 1] for k in range(3))
    found = nirx.diagnose(folder / "lif_norse.nir", x, {"1": z, "1.v": v}, dt=1e-4)
    text = found.explain()
    assert "one unit of 1 in the graph is 16000 in the recording (250 * 2**6)" in text
    assert "the decay constant is truncated (163, not 164)" in text
    assert "the recording of 1 is 1 step late" in text
    spikes_, states = found.confirmed
    assert spikes_.reproduced
    assert (states.differing, states.elements) == (4, 999)  # the 4 spiking steps, docs/chips.md
