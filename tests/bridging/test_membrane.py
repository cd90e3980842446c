"""`Membrane` and `Synapse`: the numbers of a step, and thresholds with other ties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nirx
from nirx.bridging.membrane import Membrane, Synapse, membrane_of, neuron_node, synapse_of
from nirx.bridging.threshold import threshold_for, threshold_from
from nirx_conformance.libraries.neurons import NEURONS, neuron
from support.graphs import chain

EULER = nirx.Discretization(dt=1e-3)
RULES = [
    EULER,
    replace(EULER, integrator="exponential"),
    replace(EULER, initial_v="leak"),
    replace(EULER, synapse_input="jump"),
    replace(EULER, integrator="exponential", synapse_input="jump-then-decay"),
]


def around(node):
    return chain({"n": node}, takes=30)


def simulate(membrane: Membrane, synapse: Synapse | None, xs: np.ndarray, spiking: bool):
    """The linear step that a membrane stands for, spelled out; resets by value, at once."""
    v = np.broadcast_to(membrane.start, xs.shape[1:]).copy()
    i = np.zeros_like(v)
    out = []
    for x in xs:
        if synapse is not None:
            x = i = synapse.keep * i + synapse.jump * x
        v = membrane.keep * v + membrane.gain * x + membrane.offset
        z = v > membrane.threshold
        out.append(z.astype(float) if spiking else v.copy())
        v = np.where(z, membrane.reset, v) if spiking else v
    return np.stack(out)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", NEURONS)
def test_the_numbers_of_a_membrane_step_as_nirx_does(kind, rule):
    node = neuron(kind)
    synapse = synapse_of(node, rule) if kind.startswith("Cuba") else None
    xs = 3 * np.random.default_rng(1).random((200, 30))
    spiking = kind.endswith("IF")
    ours, _ = nirx.from_nir(around(node), "numpy", rule, "float64").run(xs)
    theirs = simulate(membrane_of(node, rule), synapse, xs, spiking)
    np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-12)
    assert not spiking or ours.any()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", NEURONS)
def test_a_node_comes_back_from_its_numbers(kind, rule):
    node = neuron(kind)
    synapse = synapse_of(node, rule) if kind.startswith("Cuba") else None
    back = neuron_node(membrane_of(node, rule), rule, kind.endswith("IF"), synapse)
    assert type(back) is type(node)
    if synapse is not None:  # r and w_in are one product in a linear synapse
        np.testing.assert_allclose(back.r * back.w_in, node.r * node.w_in)
    for name in ("tau", "tau_mem", "tau_syn", "r", "w_in", "v_leak", "v_threshold", "v_reset"):
        if hasattr(node, name):
            np.testing.assert_allclose(getattr(back, name), getattr(node, name), err_msg=name)


@given(
    by=st.floats(-2, 2),
    scale=st.floats(0.1, 10),
    kind=st.sampled_from(["IF", "LIF"]),
)
def test_shift_and_scale_are_changes_of_variable(by, scale, kind):
    node, rule = neuron(kind), EULER
    own = membrane_of(node, rule)
    moved = own.shifted(np.asarray(by)).scaled(np.asarray(scale))
    xs = 3 * np.random.default_rng(2).random((60, 30))
    np.testing.assert_array_equal(simulate(own, None, xs, True), simulate(moved, None, xs, True))
    back = moved.scaled(np.asarray(1 / scale)).shifted(np.asarray(-by))
    for name in vars(own):
        np.testing.assert_allclose(getattr(back, name), getattr(own, name), atol=1e-12)


def test_what_has_no_time_constant_has_no_node():
    zero = np.zeros(2)
    grows = Membrane(zero + 1.1, zero + 1, zero, zero + 1, zero, zero)
    with pytest.raises(nirx.UnsupportedError, match=r"keeps 1.1 of its state.*no time constant"):
        neuron_node(grows, EULER, True)
    biased = Membrane(zero + 1, zero + 1, zero + 0.1, zero + 1, zero, zero)
    with pytest.raises(nirx.UnsupportedError, match="does not leak but has a bias"):
        neuron_node(biased, EULER, True)
    leaky = replace(biased, keep=zero + 0.5)
    with pytest.raises(nirx.UnsupportedError, match="a synapse that keeps 1 "):
        neuron_node(leaky, EULER, True, Synapse(zero + 1, zero + 1))
    jump = replace(EULER, synapse_input="jump-then-decay")
    with pytest.raises(nirx.UnsupportedError, match="keeps nothing of its current"):
        neuron_node(leaky, jump, True, Synapse(zero, zero + 1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("asked", ["gt", "ge"])
@pytest.mark.parametrize("library", ["gt", "ge"])
def test_a_threshold_moves_by_one_number_where_the_library_has_the_other_rule(
    asked, library, dtype
):
    theta = np.array([1.0, 0.1, 7.0], dtype)
    own = threshold_for(theta, replace(EULER, threshold=asked), library, dtype)
    assert own.dtype == dtype
    near = [np.nextafter(theta, np.array(d, dtype)) for d in (-9, 9)]
    for v in (theta, *near):
        wanted = v > theta if asked == "gt" else v >= theta
        given = v > own if library == "gt" else v >= own
        np.testing.assert_array_equal(given, wanted)


@pytest.mark.parametrize("asked", ["gt", "ge"])
@pytest.mark.parametrize("library", ["gt", "ge"])
def test_a_threshold_comes_back_from_a_library(asked, library):
    theta = np.array([1.0, 0.1, 7.0], np.float32)
    rule = replace(EULER, threshold=asked)
    back = threshold_from(threshold_for(theta, rule, library, "float32"), rule, library)
    np.testing.assert_array_equal(back, theta.astype(np.float64))
