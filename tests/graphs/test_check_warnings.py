"""nirx.check warns about what is legal but unusual."""

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
from support.graphs import affine, chain, lif, line, make_graph

D = nirx.Discretization(dt=1.0)


WARNINGS = {
    "dt larger than tau": (lif(tau=0.5), "larger than tau=0.5"),
    "other units": (lif(tau=1e6), "share a unit"),
    "off the grid": (nir.Delay(np.array([1.0, 1.6])), "delay 1.6"),
    "less than a step": (nir.Delay(np.array([1.0, 1e-4])), "0 whole steps"),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_each_problem_is_one_warning_with_its_path(name):
    node, words = WARNINGS[name]
    nested = chain({"sub": chain({"node": node})})
    with pytest.warns(nirx.NirxWarning) as caught:
        nirx.check(nested, D)
    (warning,) = caught
    assert words in str(warning.message)
    assert "'sub/node'" in str(warning.message)
    nirx.check(nested)  # no warning without a dt


@pytest.mark.parametrize("function", [nirx.check, nirx.schedule])
def test_a_warning_points_to_the_caller(function):
    with pytest.warns(nirx.NirxWarning) as caught:
        function(chain([lif(tau=0.5)]), D)
    assert [w.filename for w in caught] == [__file__]


def test_exponential_has_no_overshoot():
    nirx.check(chain([lif(tau=0.5)]), nirx.Discretization(dt=1.0, integrator="exponential"))


def test_a_delay_on_the_grid_up_to_rounding_is_silent():
    nirx.check(chain([nir.Delay(np.array([0.3, 0.7]))]), nirx.Discretization(dt=0.1))


def test_a_dead_end_warns_and_runs():
    dead = make_graph([*line("input", "a", "output"), ("input", "b")], a=lif(), b=lif())
    with pytest.warns(nirx.NirxWarning, match="'b'.*no path to an Output"):
        net = nirx.from_nir(dead, "numpy", D)
    _, _, recorded = net.run(np.ones((3, 2), np.float32), record=["b.v"])
    assert recorded["b.v"][-1, 0] > 0


def test_a_cycle_that_no_input_reaches_is_legal():
    edges = [*line("input", "a", "output"), *line("p", "q", "p"), ("q", "a")]
    nirx.check(make_graph(edges, a=lif(), p=lif(), q=affine(2, 2)), D)
