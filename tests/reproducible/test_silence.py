"""20,000 steps of silence after activity: the same bits all the way down.

A state v that leaks towards 0 does not arrive there: once a*v is below B it counts as +0 and v
stays, below B/a. What these tests hold it to is that it stays put, and that no state is ever
subnormal, below B or -0.
"""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
from nirx.execution.reproducible import SMALLEST
from support.agreement import assert_bits, leaves
from support.graphs import chain
from support.running import BACKENDS, Reproducible

STEPS = 20_000
RULES = {
    "euler": nirx.Discretization(dt=1e-3),
    "exponential": nirx.Discretization(dt=1e-3, integrator="exponential", synapse_input="jump"),
}
TAUS = np.array([2e-3, 5e-3, 1e-2])
ONE = np.ones(3)
BACK = np.array([[0.1, -0.2, 0.0], [0.05, 0.1, -0.1], [0.0, 0.2, -0.3]])


def graphs():
    v = {"v_threshold": 0.3 * ONE, "v_reset": 0 * ONE}
    leaky = {"tau": TAUS, "r": ONE, "v_leak": 0 * ONE}
    cuba = {"tau_syn": 0.7 * TAUS, "tau_mem": TAUS, "r": ONE, "v_leak": 0 * ONE, "w_in": ONE}
    made = {}
    for name, neuron in {
        "lif": nir.LIF(**leaky, **v),
        "cuba lif": nir.CubaLIF(**cuba, **v),
        "li": nir.LI(**leaky),
        "cuba li": nir.CubaLI(**cuba),
    }.items():
        nodes = {"fc": nir.Linear(0.4 * np.eye(3)), "n": neuron}
        graph = chain(nodes, 3, 3)
        graph.nodes["back"] = nir.Linear(BACK)
        graph.edges += [("n", "back"), ("back", "n")]
        made[name] = graph
    return made


CASES = [
    *((name, "euler", "float32") for name in ("lif", "cuba lif", "li", "cuba li")),
    ("cuba lif", "exponential", "float32"),
    ("cuba lif", "euler", "float64"),
]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "rule", "dtype"),
    CASES,
)
def test_silence(name, rule, dtype):
    """One test for all that is seen in it: the runs are long."""
    xs = np.zeros((50 + STEPS, 3))
    xs[:50] = np.random.default_rng(0).uniform(0, 2, (50, 3))
    graph = graphs()[name]
    runs = [Reproducible(b, graph, RULES[rule], dtype).run(xs) for b in BACKENDS]
    for backend, run in zip(BACKENDS[1:], runs[1:], strict=True):
        assert_bits(run, runs[0], f"{backend} {name}")
    for _, state, rec in runs:
        assert_at_rest(leaves(state["n"]), dtype)
        for key, trace in rec.items():
            assert (trace[-1000:] == trace[-1]).all(), key
        for path, leaf in leaves(rec).items():
            assert ((leaf == 0) | (np.abs(leaf) >= SMALLEST[dtype])).all(), path
    assert_active(runs[0][2], name, dtype)


def assert_at_rest(leaves, dtype):
    """States came to rest below B/a, and are never -0."""
    a = 1e-3 / TAUS.max()  # the slowest leak
    for path, leaf in leaves.items():
        if path[0] in ("v", "i"):
            # A CubaLI's v follows an i that is itself stuck, at up to B/a_syn.
            assert (np.abs(leaf) < 4 * SMALLEST[dtype] / a).all(), path
        assert not ((leaf == 0) & np.signbit(leaf)).any(), path


def assert_active(rec, name, dtype):
    """There was activity, and a long decay."""
    if name in ("lif", "cuba lif"):
        assert rec["n"][:50].sum() > 5
    traces = [key for key in rec if key.startswith("n.")] or ["n"]
    smallest = min(np.abs(rec[k][rec[k] != 0]).min() for k in traces if rec[k].any())
    assert smallest < {"float32": 1e-29, "float64": 1e-289}[dtype]


@pytest.mark.slow
def test_a_short_silence():
    """What the long test does, on LIF and CubaLIF for as long as float32 lasts."""
    xs = np.zeros((800, 3))
    xs[:30] = 1.0
    for name in ("lif", "cuba lif"):
        graph = graphs()[name]
        runs = [Reproducible(b, graph, RULES["euler"]).run(xs) for b in BACKENDS]
        assert_bits(runs[1], runs[0], name)
        assert_bits(runs[2], runs[0], name)
        v = np.abs(runs[0][1]["n"]["v"][:2])
        assert (v < 4 * SMALLEST["float32"] / 0.1).all()
        assert ((v == 0) | (v >= SMALLEST["float32"])).all()
