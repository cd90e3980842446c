"""`nirx.diagnose` from v and i that were scaled, rounded or noisy: no false certainty."""

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest

import nirx
from support.diagnosing import (
    DT1,
    SUBTRACTS,
    counts,
    find,
    layers,
    noisy,
    reals,
    smooth_layers,
)
from support.graphs import chain, neuron


def coarse(values: np.ndarray) -> np.ndarray:
    return np.rint(256 * values) / 256


def test_an_affine_image_of_v_is_fitted():
    run = layers(1), SUBTRACTS, counts(), "a", "a.v"
    found = find(*run, disturb={"a.v": lambda v: 64 * v - 3})
    best = found["a"].best
    assert (round(best.scale, 9), round(best.offset, 9)) == (64, -3)
    assert found["a"].pinned["reset"] == "subtract"
    assert found.explained
    assert "the membrane potential of a is recorded as 64*v + -3" in found.explain()
    plain = find(*run)["a"].best
    assert (plain.scale, plain.offset) == (1.0, 0.0)


@pytest.mark.slow
def test_a_float32_recording_needs_no_tolerance():
    graph, xs = layers(1), counts().astype(np.float32)
    net = nirx.from_nir(graph, "numpy", replace(DT1, integrator="exponential"), "float32")
    rec = net.run(xs, record=["a.v"])[2]
    found = nirx.diagnose(graph, xs, rec, discretization=DT1)
    assert found.explained
    assert found["a"].pinned["integrator"] == "exponential"
    assert not nirx.diagnose(graph, xs, rec, discretization=DT1, tolerance=0.0).explained


@pytest.mark.slow
@pytest.mark.parametrize("keys", [("a", "a.v"), ("a.v",)], ids=["with spikes", "v alone"])
@pytest.mark.parametrize("kind", [np.int16, np.float64])
@pytest.mark.sampled(2)
def test_v_in_whole_numbers_is_explained(kind, keys):
    run = smooth_layers(), SUBTRACTS, reals(), *keys
    whole = {"a.v": lambda v: np.rint(256 * v).astype(kind)}
    found = find(*run, disturb=whole)
    node = found["a"]
    assert found.explained
    assert (node.best.shift, node.pinned["reset"], node.pinned["output"]) == (0, "subtract", "new")
    assert round(node.best.scale) == 256
    assert not find(*run, disturb=whole, tolerance=1e-6).explained


@pytest.mark.slow
@pytest.mark.parametrize("v", [0, 1])
def test_whole_numbers_of_a_few_units_do_not_allow_anything(v):
    """A membrane that hardly moves is whole by accident; half a unit would explain everything."""
    xs, graph = reals() * 0.4, smooth_layers()
    seen = {"a.v": np.full(xs.shape, v)}
    assert not nirx.diagnose(graph, xs, seen, discretization=DT1).explained


@pytest.mark.slow
@pytest.mark.parametrize("disturb", [noisy, coarse, lambda v: noisy(64 * v - 3)])
@pytest.mark.parametrize("max_shift", [0, 2])
@pytest.mark.sampled(3)
def test_if_no_candidate_fits_v_the_spikes_decide(disturb, max_shift):
    run = smooth_layers(), SUBTRACTS, reals(), "a"
    found = find(*run, "a.v", disturb={"a.v": disturb}, max_shift=max_shift)
    alone = find(*run, max_shift=max_shift)
    node = found["a"]
    assert not found.explained
    assert node.by_spikes
    assert node.allows(SUBTRACTS)
    assert node.pinned == alone["a"].pinned
    named, of_spikes = (sorted(map(repr, n.indistinguishable)) for n in (node, alone["a"]))
    assert named == of_spikes
    assert (node.best.shift, node.best.mismatches) == (0, 0)
    assert found.discretization == SUBTRACTS
    said = found.explain()
    assert "a.v is off by up to" in said
    assert "set tolerance=" in said
    assert "by its spikes: a subtracts the threshold (reset='subtract')" in said
    assert "the recording of a is" not in said


@pytest.mark.slow
def test_the_tolerance_that_the_text_names_explains_it():
    run = smooth_layers(), SUBTRACTS, reals(), "a", "a.v"
    found = find(*run, disturb={"a.v": noisy})
    named = float(found.explain().split("tolerance=")[1].split()[0])
    assert named >= found["a"].best.tolerance_needed > 1e-4
    again = find(*run, disturb={"a.v": noisy}, tolerance=named)
    assert again.explained
    assert again["a"].pinned["reset_when"] == "same"


@pytest.mark.slow
@pytest.mark.parametrize("reset_when", ["same", "next-leaked"])
def test_v_ranks_what_the_spikes_leave_equal(reset_when):
    """Spikes never tell these two apart; a noisy v pins neither, but shows which is nearer."""
    rule = replace(SUBTRACTS, reset_when=reset_when)
    found = find(smooth_layers(), rule, reals(), "a", "a.v", disturb={"a.v": noisy})
    assert found["a"].best.choices["reset_when"] == reset_when
    assert set(found["a"].open["reset_when"]) == {"same", "next-leaked"}
    assert found.discretization == rule


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_noisy_i_leaves_the_spikes_to_decide():
    taus = {"tau_syn": np.linspace(2, 5, 8), "tau_mem": 6.0}
    graph = chain({"a": neuron(nir.CubaLIF, 8, r=2.0, v_leak=0.1, w_in=2.0, **taus)}, 8)
    xs, rule = reals(), replace(SUBTRACTS, synapse="voltage-first", synapse_input="jump")
    exact = find(graph, rule, xs, "a", "a.i", "a.v")
    assert exact.explained
    assert exact["a"].pinned["synapse"] == "voltage-first"
    found = find(graph, rule, xs, "a", "a.i", disturb={"a.i": noisy})
    assert not found.explained
    assert found["a"].by_spikes
    assert found["a"].allows(rule)
    assert found["a"].best.choices["synapse_input"] == "jump"


@pytest.mark.slow
def test_a_noisy_v_alone_pins_nothing():
    found = find(smooth_layers(), SUBTRACTS, reals(), "a.v", disturb={"a.v": noisy})
    assert found["a"].pinned == {}
    assert (found["a"].best.shift, found.discretization) == (0, SUBTRACTS)
    assert "set tolerance=" in found.explain()
