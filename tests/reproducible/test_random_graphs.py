"""Random graphs: the same bits on every backend, in outputs, states and recordings."""

from __future__ import annotations

import nir
import numpy as np
import pytest

from nirx_conformance.strategies import random_case
from support.agreement import assert_bits, differing, leaves
from support.running import BACKENDS, Reproducible

DTYPES = ("float32", "float64")
SEEDS = [*range(20), *range(5000, 5080)]
"""100 graphs, float32 and float64 in turn."""
QUICK = (0, 3, 4)
"""These compile in less than two seconds."""

pytestmark = [
    pytest.mark.filterwarnings("ignore::nirx.NirxWarning"),
    # Random graphs amplify without bound, and parameters overflow when they become float32.
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]


def every_case():
    for seed in SEEDS:
        dtype = DTYPES[seed % 2]
        slow = pytest.mark.slow if seed < 10 else pytest.mark.exhaustive
        marks = [] if seed in QUICK else [slow]
        yield pytest.param(seed, dtype, id=f"seed{seed}-{dtype}", marks=marks)


@pytest.mark.parametrize(("seed", "dtype"), [*every_case()])
@pytest.mark.sampled(6)
def test_three_backends_give_the_same_bits(seed, dtype):
    case = random_case(seed)
    runs = {
        backend: Reproducible(backend, case.graph, case.discretization, dtype).run(case.inputs)
        for backend in BACKENDS
    }
    for backend in ("torch", "jax"):
        assert_bits(runs[backend], runs["numpy"], f"seed {seed} {backend}")
    _, _, recordings = runs["numpy"]
    assert recordings
    assert all(leaf.dtype == dtype for leaf in leaves(runs["numpy"]).values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [12, *(pytest.param(s, marks=pytest.mark.exhaustive) for s in (1, 5))]
)
def test_a_loop_of_steps_gives_the_same_bits(seed, backend):
    case = random_case(seed)
    net = Reproducible(backend, case.graph, case.discretization)
    expected, end, _ = net.run(case.inputs)
    steps = len(next(iter(leaves(case.inputs).values())))
    state, rows = None, []
    for t in range(steps):
        x = case.inputs
        x = {name: own[t] for name, own in x.items()} if isinstance(x, dict) else x[t]
        y, state = net.step(x, state)
        rows.append(y)
    if isinstance(expected, dict):
        assert_bits({k: np.stack([y[k] for y in rows]) for k in expected}, expected)
    else:
        assert_bits(np.stack(rows), expected)
    assert_bits(state, end, "state")


def everything(graph):
    for node in graph.nodes.values():
        yield node
        if isinstance(node, nir.NIRGraph):
            yield from everything(node)


def test_the_graphs_contain_every_kind_of_node():
    seen = {type(n) for seed in range(20) for n in everything(random_case(seed).graph)}
    assert {nir.Conv1d, nir.Conv2d, nir.Delay, nir.NIRGraph, nir.Linear, nir.Affine} <= seen
    assert {nir.LIF, nir.CubaLIF, nir.IF, nir.LI, nir.I, nir.CubaLI} <= seen
    assert {nir.AvgPool2d, nir.SumPool2d} & seen


def test_some_of_the_graphs_spike_feed_back_and_stay_finite():
    spiking = feedback = finite = 0
    for seed in range(20):
        case = random_case(seed)
        net = Reproducible("numpy", case.graph, case.discretization)
        ys, state, _ = net.run(case.inputs)
        feedback += "feedback" in str(state)
        values = list(leaves(ys).values())
        spiking += any(set(np.unique(v)) == {0.0, 1.0} for v in values)
        finite += all(np.isfinite(v).all() for v in values)
    assert spiking >= 3
    assert feedback >= 5
    assert finite >= 15


@pytest.mark.slow
def test_fast_mode_differs_somewhere():
    """Otherwise equal bits would say nothing about the reproducible mode."""
    different = 0
    for seed in (3, 5):
        case = random_case(seed)
        a, b = (
            Reproducible(n, case.graph, case.discretization, reproducible=False).run(case.inputs)
            for n in ("numpy", "jax")
        )
        for path, value in leaves(b).items():
            different += int(differing(leaves(a)[path], value).sum())
    assert different > 0
