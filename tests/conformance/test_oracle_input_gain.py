"""The oracle's `input_gain="euler"` by hand: a decay of 1/2 (tau = 1/ln 2), a gain of ln 2."""

import math

import nir
import numpy as np
import pytest

ONES = np.ones(1)
TAU = ONES / math.log(2)
LN2 = math.log(2)
EULER = {"integrator": "exponential", "input_gain": "euler"}


def test_li(run_node):
    # towards v_leak = 1 by half, plus ln 2 * 2 * x
    node = nir.LI(TAU, 2 * ONES, ONES)
    result = run_node(node, [[1], [0]], **EULER)
    first = 0.5 + 2 * LN2
    expected = [first, 0.5 * first + 0.5]
    assert result.outputs["out"].ravel() == pytest.approx(expected, rel=1e-15)


def test_lif(run_node):
    # 3 ln 2 spikes; from v_reset = -1/2: -1/4 + ln 2
    node = nir.LIF(TAU, ONES, 0 * ONES, ONES, -0.5 * ONES)
    result = run_node(node, [[3], [1]], **EULER)
    assert result.outputs["out"].ravel().tolist() == [1, 0]
    assert result.recordings["node.v"].ravel() == pytest.approx([-0.5, LN2 - 0.25], rel=1e-15)
    assert result.margins["node"].ravel() == pytest.approx([3 * LN2 - 1, 1.25 - LN2], rel=1e-15)


SYNAPSE = {
    # i: w_in*x with the gain ln 2; then half of it
    "scaled": [3 * LN2, 1.5 * LN2],
    # what is not scaled has no gain: 3, then half; and half of 3 at once
    "jump": [3, 1.5],
    "jump-then-decay": [1.5, 0.75],
}


@pytest.mark.parametrize("how", SYNAPSE)
def test_cuba(how, run_node):
    current = SYNAPSE[how]
    first = 2 * LN2 * current[0]
    potential = [first, 0.5 * first + 2 * LN2 * current[1]]
    zeros = 0 * ONES
    result = run_node(
        nir.CubaLI(TAU, TAU, 2 * ONES, zeros, 3 * ONES), [[1], [0]], synapse_input=how, **EULER
    )
    assert result.recordings["node.i"].ravel() == pytest.approx(current, rel=1e-15)
    assert result.outputs["out"].ravel() == pytest.approx(potential, rel=1e-15)
    spiking = nir.CubaLIF(TAU, TAU, 2 * ONES, zeros, potential[0] * ONES + 0.1, zeros, 3 * ONES)
    result = run_node(spiking, [[1], [0]], synapse_input=how, **EULER)
    spiked = [v > potential[0] + 0.1 for v in potential]
    assert result.outputs["out"].ravel().tolist() == spiked
