"""CubaLI and CubaLIF by hand: a_syn = a_mem = 1/4, r = 2, w_in = 3; one pulse."""

import nir
import numpy as np
import pytest

ONES = np.ones(1)
PULSE = [[1], [0]]


def cuba_li():
    return nir.CubaLI(4 * ONES, 4 * ONES, 2 * ONES, 0 * ONES, w_in=3 * ONES)


def cuba_lif():
    # LI part as above, but v_leak = 1; threshold 0.6, reset to 0.5
    return nir.CubaLIF(4 * ONES, 4 * ONES, 2 * ONES, ONES, 0.6 * ONES, 0.5 * ONES, w_in=3 * ONES)


@pytest.mark.parametrize(
    ("choices", "i", "v"),
    [
        # i = 3/4, v = 2 * 0.75 / 4;  i = 0.5625, v = 0.375 + (-0.375 + 1.125)/4
        ({}, [0.75, 0.5625], [0.375, 0.5625]),
        # v sees i one step later
        ({"synapse": "voltage-first"}, [0.75, 0.5625], [0.0, 0.375]),
        # i = 0 + 3, v = 6/4;  i = 2.25, v = 1.5 + (-1.5 + 4.5)/4
        ({"synapse_input": "jump"}, [3.0, 2.25], [1.5, 2.25]),
        # i = 3 - 3/4, v = 4.5/4;  i = 1.6875, v = 1.125 + (-1.125 + 3.375)/4
        ({"synapse_input": "jump-then-decay"}, [2.25, 1.6875], [1.125, 1.6875]),
    ],
)
def test_cuba_li(run_node, choices, i, v):
    result = run_node(cuba_li(), PULSE, **choices)
    assert result.recordings["node.i"].ravel().tolist() == i
    assert result.recordings["node.v"].ravel().tolist() == v
    assert result.outputs["out"].ravel().tolist() == v


def test_cuba_li_may_output_the_old_v(run_node):
    result = run_node(cuba_li(), PULSE, output="old", reset="none")
    assert result.outputs["out"].ravel().tolist() == [0.0, 0.375]


def test_jump_and_scaled_keep_different_parts_of_the_old_current(run_node):
    # second pulse: scaled 0.75 + (3 - 0.75)/4; jump (3 - 0.75) + 3; then-decay (2.25 + 3) * 3/4
    pulses = [[1], [1]]
    expected = {"scaled": 1.3125, "jump": 5.25, "jump-then-decay": 3.9375}
    found = {
        kind: run_node(cuba_li(), pulses, synapse_input=kind).state["node"]["i"].item()
        for kind in expected
    }
    assert found == expected


def test_cuba_lif_resets_v_and_leaves_i(run_node):
    # v = (1 + 1.5)/4 = 0.625 -> 0.5;  0.5 + (0.5 + 1.125)/4 = 0.90625 -> 0.5
    result = run_node(cuba_lif(), PULSE)
    assert result.outputs["out"].ravel().tolist() == [1, 1]
    assert result.recordings["node.v"].ravel().tolist() == [0.5, 0.5]
    assert result.recordings["node.i"].ravel().tolist() == [0.75, 0.5625]


def test_cuba_lif_voltage_first_from_its_leak(run_node):
    # v = 1 (leak), no current yet -> spike, 0.5;  0.5 + (0.5 + 1.5)/4 = 1 -> 0.5
    result = run_node(cuba_lif(), PULSE, synapse="voltage-first", initial_v="leak")
    assert result.margins["node"].ravel() == pytest.approx([0.4, 0.4])
    assert result.outputs["out"].ravel().tolist() == [1, 1]


def test_cuba_lif_exponential(run_node):
    # tau = 1/ln 2: both fractions are 1/2: i = 1.5, v = (1 + 3)/2 = 2
    half = np.array([1 / np.log(2)])
    node = nir.CubaLIF(half, half, 2 * ONES, ONES, 9 * ONES, w_in=3 * ONES)
    result = run_node(node, PULSE[:1], integrator="exponential")
    assert result.state["node"]["i"].item() == pytest.approx(1.5, rel=1e-15)
    assert result.state["node"]["v"].item() == pytest.approx(2.0, rel=1e-15)
