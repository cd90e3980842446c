"""LI and I by hand. With dt=1 and tau=4, a = 1/4; all numbers are exact in binary."""

import math

import nir
import numpy as np

ONES = np.ones(1)


def li(tau=4.0, r=2.0, v_leak=1.0):
    return nir.LI(tau * ONES, r * ONES, v_leak * ONES)


def test_li_euler(run_node):
    # 0 + (1 - 0 + 2)/4 = 3/4;  3/4 + (1/4 + 2)/4 = 21/16;  21/16 + (1 - 21/16)/4 = 79/64
    result = run_node(li(), [[1], [1], [0]])
    assert result.outputs["out"].ravel().tolist() == [0.75, 1.3125, 1.234375]
    assert result.recordings["node.v"].ravel().tolist() == [0.75, 1.3125, 1.234375]
    assert result.state == {"node": {"v": [1.234375]}}


def test_li_exponential(run_node):
    # tau = 1/ln 2 halves the distance from the goal in each step: goals 3, 3, 1
    result = run_node(li(tau=1 / math.log(2)), [[1], [1], [0]], integrator="exponential")
    np.testing.assert_allclose(result.outputs["out"].ravel(), [1.5, 2.25, 1.625], rtol=1e-15)


def test_li_exponential_takes_a_tiny_step_exactly(run_node):
    # a = 1 - exp(-1e-18) is 1e-18, not 0
    result = run_node(li(tau=1e18, r=0.0), [[0]], integrator="exponential")
    assert result.outputs["out"].item() == 1e-18


def test_li_starts_at_its_leak(run_node):
    result = run_node(li(), [[0], [2]], initial_v="leak")
    assert result.outputs["out"].ravel().tolist() == [1.0, 2.0]


def test_li_may_output_the_old_v(run_node):
    result = run_node(li(), [[1], [1], [0]], output="old", reset="none", initial_v="leak")
    # v from 1: 1 + 2/4 = 1.5;  1.5 + (-0.5 + 2)/4 = 1.875;  1.875 - 0.875/4
    assert result.outputs["out"].ravel().tolist() == [1.0, 1.5, 1.875]
    assert result.recordings["node.v"].ravel().tolist() == [1.5, 1.875, 1.65625]


def test_integrator(run_node):
    # (dt * r) = 0.5 * 3
    result = run_node(nir.I(3 * ONES), [[1], [2], [-1]], dt=0.5, initial_v="leak")
    assert result.outputs["out"].ravel().tolist() == [1.5, 4.5, 3.0]
    assert result.state == {"node": {"v": [3.0]}}


def test_integrator_may_output_the_old_v(run_node):
    result = run_node(nir.I(3 * ONES), [[1], [2], [-1]], dt=0.5, output="old", reset="none")
    assert result.outputs["out"].ravel().tolist() == [0.0, 1.5, 4.5]


def test_scalar_parameters_serve_all_elements(run_node):
    scalar = nir.LI(np.array(4.0), np.array(2.0), np.array(1.0))
    result = run_node(scalar, [[[1, 0], [2, -1]]])
    assert result.outputs["out"].tolist() == [[[0.75, 0.25], [1.25, -0.25]]]
