"""nirx.check: what is legal but odd is a warning."""

# nir takes arrays and None where its annotations say dicts and ints.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import itertools
from typing import Any

import nir
import numpy as np
import pytest

import nirx

D = nirx.Discretization(dt=1.0)


def lif(tau: Any = 4.0, n: int = 2, **changes: Any) -> nir.LIF:
    one = np.ones(n)
    node = nir.LIF(one, one, 0 * one, one, 0 * one)
    node.tau = tau * one if isinstance(tau, float) else tau
    for name, value in changes.items():
        setattr(node, name, value)
    return node


def affine(out: int, into: int) -> nir.Affine:
    return nir.Affine(np.ones((out, into)), np.zeros(out))


def graph(edges: list[tuple[Any, Any]], ports: bool = True, **nodes: Any) -> nir.NIRGraph:
    shape = np.array([2])
    outer = {"input": nir.Input(shape), "output": nir.Output(shape)} if ports else {}
    return nir.NIRGraph({**outer, **nodes}, edges, metadata={}, type_check=False)


def line(*names: str) -> list[tuple[str, str]]:
    return list(itertools.pairwise(names))


def nested(inner: nir.NIRGraph) -> nir.NIRGraph:
    return graph(line("input", "sub", "output"), sub=inner)


def between(node: Any) -> nir.NIRGraph:
    return graph(line("input", "node", "output"), node=node)


WARNINGS = {
    "dt larger than tau": (lif(0.5), "larger than tau=0.5"),
    "other units": (lif(1e6), "share a unit"),
    "off the grid": (nir.Delay(np.array([1.0, 1.6])), "delay 1.6"),
    "less than a step": (nir.Delay(np.array([1.0, 1e-4])), "0 whole steps"),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_each_oddity_is_one_warning_with_its_path(name):
    node, words = WARNINGS[name]
    with pytest.warns(nirx.NirxWarning) as caught:
        nirx.check(nested(between(node)), D)
    (warning,) = caught
    assert words in str(warning.message)
    assert "'sub/node'" in str(warning.message)
    nirx.check(nested(between(node)))  # nothing to say without a dt


@pytest.mark.parametrize("function", [nirx.check, nirx.schedule])
def test_a_warning_points_to_the_caller(function):
    with pytest.warns(nirx.NirxWarning) as caught:
        function(between(lif(0.5)), D)
    assert [w.filename for w in caught] == [__file__]


def test_exponential_has_no_overshoot():
    nirx.check(between(lif(0.5)), nirx.Discretization(dt=1.0, integrator="exponential"))


def test_a_delay_on_the_grid_up_to_rounding_is_silent():
    nirx.check(between(nir.Delay(np.array([0.3, 0.7]))), nirx.Discretization(dt=0.1))


def test_a_dead_end_warns_and_runs():
    dead = graph([*line("input", "a", "output"), ("input", "b")], a=lif(), b=lif())
    with pytest.warns(nirx.NirxWarning, match="'b'.*no path to an Output"):
        net = nirx.from_nir(dead, "numpy", D)
    _, _, recorded = net.run(np.ones((3, 2), np.float32), record=["b.v"])
    assert recorded["b.v"][-1, 0] > 0


def test_a_cycle_that_no_input_reaches_is_legal():
    edges = [*line("input", "a", "output"), *line("p", "q", "p"), ("q", "a")]
    nirx.check(graph(edges, a=lif(), p=lif(), q=affine(2, 2)), D)
