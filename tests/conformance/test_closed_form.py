"""The oracle against closed forms."""

from typing import Any

import nir
import numpy as np
import pytest

from nirx_conformance.closed_form import cuba_li_pulse, leak_fraction, li_constant, lif_interval

DT = 1e-4


def full(*values: float) -> list[Any]:
    return [np.array([v]) for v in values]


@pytest.mark.parametrize("integrator", ["euler", "exponential"])
@pytest.mark.parametrize("tau", [2e-4, 3.3e-3, 0.05])
@pytest.mark.parametrize("initial_v", ["zero", "leak"])
def test_li_under_constant_input(run_node, integrator, tau, initial_v):
    r, v_leak, x = 1.7, -0.3, 0.9
    choices = {"dt": DT, "integrator": integrator, "initial_v": initial_v}
    result = run_node(nir.LI(*full(tau, r, v_leak)), np.full((60, 1), x), **choices)
    start = v_leak if initial_v == "leak" else 0.0
    expected = [li_constant(n, DT, tau, r, v_leak, x, start, integrator) for n in range(1, 61)]
    np.testing.assert_allclose(result.outputs["out"].ravel(), expected, rtol=1e-12)


def test_the_exponential_integrator_does_not_depend_on_the_step(run_node):
    node = nir.LI(*full(0.01, 1.0, 0.0))
    coarse = run_node(node, np.ones((10, 1)), dt=1e-3, integrator="exponential")
    fine = run_node(node, np.ones((100, 1)), dt=1e-4, integrator="exponential")
    assert coarse.outputs["out"][-1, 0] == pytest.approx(fine.outputs["out"][-1, 0], rel=1e-12)
    assert coarse.outputs["out"][-1, 0] == pytest.approx(1 - np.exp(-1), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("tau", [3e-4, 2e-3, 0.02])
@pytest.mark.parametrize("x", [1.05, 1.3, 2.9, 40.0])
@pytest.mark.parametrize("v_reset", [0.0, -0.7, 0.45])
@pytest.mark.sampled(3)
def test_lif_interval(run_node, tau, x, v_reset):
    theta, v_leak = 0.9, 0.1
    interval = lif_interval(DT, tau, 1.0, v_leak, theta, x, v_reset)
    assert interval is not None
    node = nir.LIF(*full(tau, 1.0, v_leak, theta, v_reset))
    spikes = run_node(node, np.full((3000, 1), x), dt=DT).outputs["out"].ravel()
    times = np.flatnonzero(spikes)
    assert len(times) >= 3
    assert set(np.diff(times)) == {interval}


def test_lif_interval_without_a_spike(run_node):
    # the goal v_leak + r*x is the threshold itself: v comes ever nearer
    assert lif_interval(DT, 2e-4, 1.0, 0.5, 1.0, 0.5) is None
    node = nir.LIF(*full(2e-4, 1.0, 0.5, 1.0, 0.0))
    assert not run_node(node, np.full((40, 1), 0.5), dt=DT).outputs["out"].any()


def test_lif_interval_at_a_tie():
    # a = 1/2, goal 2: v = 1, 1.5, 1.75; a threshold of 1.5 is only passed in the third step
    assert lif_interval(1.0, 2.0, 1.0, 0.0, 1.5, 2.0) == 3
    assert lif_interval(1.0, 2.0, 1.0, 0.0, float(np.nextafter(1.5, 0)), 2.0) == 2


def test_lif_interval_refuses_parameters_outside_the_formula():
    with pytest.raises(ValueError, match="dt < tau"):
        lif_interval(1.0, 1.0, 1.0, 0.0, 1.0, 2.0)


@pytest.mark.parametrize("integrator", ["euler", "exponential"])
@pytest.mark.parametrize(("tau_syn", "tau_mem"), [(5e-4, 2e-3), (2e-3, 5e-4), (1e-3, 1e-3)])
def test_cuba_li_after_a_pulse(run_node, integrator, tau_syn, tau_mem):
    r, w_in, x = 2.5, 0.8, 3.0
    xs = np.zeros((50, 1))
    xs[0] = x
    node = nir.CubaLI(*full(tau_syn, tau_mem, r, 0.0), w_in=np.array([w_in]))
    result = run_node(node, xs, dt=DT, integrator=integrator)
    expected = [
        cuba_li_pulse(n, DT, tau_syn, tau_mem, r, w_in, x, integrator) for n in range(1, 51)
    ]
    v, i = np.array(expected).T
    np.testing.assert_allclose(result.recordings["node.v"].ravel(), v, rtol=1e-11)
    np.testing.assert_allclose(result.recordings["node.i"].ravel(), i, rtol=1e-12)


def test_leak_fraction():
    assert leak_fraction(1.0, 4.0) == 0.25
    assert leak_fraction(1.0, 1 / np.log(2), "exponential") == pytest.approx(0.5, rel=1e-15)
