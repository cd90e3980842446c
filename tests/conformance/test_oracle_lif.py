"""LIF by hand: a = 1/2, threshold 1, v_reset -1/2; every way to spike and reset."""

import nir
import numpy as np
import pytest

ONES = np.ones(1)
XS = [[3], [3], [1], [1], [1.375]]


def lif(v_leak=0.0, v_threshold=1.0):
    return nir.LIF(2 * ONES, ONES, v_leak * ONES, v_threshold * ONES, -0.5 * ONES)


CASES = {
    # v: 1.5 -> -0.5;  -0.5 + 3.5/2 = 1.25 -> -0.5;  0.25;  0.625;  0.625 + 0.75/2 = 1: no spike
    "value": (
        {},
        [1, 1, 0, 0, 0],
        [-0.5, -0.5, 0.25, 0.625, 1.0],
        [0.5, 0.25, 0.75, 0.375, 0.0],
    ),
    # the same, but 1 reaches the threshold
    "ge": (
        {"threshold": "ge"},
        [1, 1, 0, 0, 1],
        [-0.5, -0.5, 0.25, 0.625, -0.5],
        [0.5, 0.25, 0.75, 0.375, 0.0],
    ),
    # 1.5 -> 0.5;  0.5 + 2.5/2 = 1.75 -> 0.75;  0.875;  0.9375;  0.9375 + 0.4375/2 -> 0.15625
    "subtract": (
        {"reset": "subtract"},
        [1, 1, 0, 0, 1],
        [0.5, 0.75, 0.875, 0.9375, 0.15625],
        [0.5, 0.75, 0.125, 0.0625, 0.15625],
    ),
    # 1.5;  1.5 + 1.5/2;  2.25 - 1.25/2;  1.625 - 0.625/2;  1.3125 + 0.0625/2
    "none": (
        {"reset": "none"},
        [1, 1, 1, 1, 1],
        [1.5, 2.25, 1.625, 1.3125, 1.34375],
        [0.5, 1.25, 0.625, 0.3125, 0.34375],
    ),
    "none, old": (
        {"reset": "none", "output": "old"},
        [0, 1, 1, 1, 1],
        [1.5, 2.25, 1.625, 1.3125, 1.34375],
        [0.5, 0.5, 0.625, 0.3125, 0.3125],
    ),
    # 1.5;  reset after the leak: -0.5;  -0.5 + 1.5/2;  0.25 + 0.75/2;  0.625 + 0.75/2
    "next": (
        {"reset_when": "next"},
        [1, 0, 0, 0, 0],
        [1.5, -0.5, 0.25, 0.625, 1.0],
        [0.5, 0.5, 0.75, 0.375, 0.0],
    ),
    "next, old": (
        {"reset_when": "next", "output": "old"},
        [0, 1, 0, 0, 0],
        [1.5, -0.5, 0.25, 0.625, 1.0],
        [0.5, 0.5, 0.75, 0.375, 0.0],
    ),
    # 1.5;  2.25 - 1 = 1.25;  1.125 - 1 = 0.125;  0.125 + 0.875/2;  0.5625 + 0.8125/2
    "next, subtract": (
        {"reset_when": "next", "reset": "subtract"},
        [1, 1, 0, 0, 0],
        [1.5, 1.25, 0.125, 0.5625, 0.96875],
        [0.5, 0.25, 0.25, 0.4375, 0.03125],
    ),
    # 1.5;  -0.5 leaks to 1.25;  -0.5 leaks to 0.25;  0.625;  1
    "next-leaked": (
        {"reset_when": "next-leaked"},
        [1, 1, 0, 0, 0],
        [1.5, 1.25, 0.25, 0.625, 1.0],
        [0.5, 0.25, 0.25, 0.375, 0.0],
    ),
    # 1.5;  0.5 leaks to 1.75;  0.75 leaks to 0.875;  0.9375;  1.15625
    "next-leaked, subtract, old": (
        {"reset_when": "next-leaked", "reset": "subtract", "output": "old"},
        [0, 1, 1, 0, 0],
        [1.5, 1.75, 0.875, 0.9375, 1.15625],
        [0.5, 0.5, 0.125, 0.0625, 0.0625],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_reset(run_node, name):
    choices, spikes, v, margins = CASES[name]
    result = run_node(lif(), XS, **choices)
    assert result.recordings["node.v"].ravel().tolist() == v
    assert result.outputs["out"].ravel().tolist() == spikes
    assert result.margins["node"].ravel().tolist() == margins


def test_starts_at_its_leak(run_node):
    # 0.5 + (0.5 - 0.5 + 0.25)/2
    result = run_node(lif(v_leak=0.5), [[0.25]], initial_v="leak")
    assert result.state == {"node": {"v": [0.625]}}


def test_a_leak_above_the_threshold_spikes_before_the_first_step(run_node):
    # v_old = 2 has spiked already, so the first step resets: LI stays at 2, then -0.5
    choices = {"initial_v": "leak", "reset_when": "next", "output": "old"}
    result = run_node(lif(v_leak=2.0), [[0]], **choices)
    assert (result.outputs["out"].item(), result.state["node"]["v"].item()) == (1.0, -0.5)


@pytest.mark.parametrize("choices", [{}, {"spikes": "multi"}, {"reset": "subtract"}])
def test_nan_never_spikes_and_stays(run_node, choices):
    result = run_node(lif(), [[np.nan], [5.0]], **choices)
    assert result.outputs["out"].ravel().tolist() == [0, 0]
    assert np.isnan(result.state["node"]["v"]).all()


def test_multi(run_node):
    # a = 1/2: v = 3.5 -> 3 spikes, 0.5 left;  0.5 + 0.5/2 = 0.75;  0.75 + 2.5/2 = 2, a tie: 2
    choices = {"spikes": "multi", "reset": "subtract"}
    result = run_node(lif(), [[7], [1], [3.25]], **choices)
    assert result.outputs["out"].ravel().tolist() == [3, 0, 2]
    assert result.recordings["node.v"].ravel().tolist() == [0.5, 0.75, 0.0]
    # from 3.5 the nearest multiple is half away; below 1 only the first multiple counts
    assert result.margins["node"].ravel().tolist() == [0.5, 0.25, 0.0]
