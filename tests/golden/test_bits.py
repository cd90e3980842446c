"""Compiled C gives the bits of nirx: in reproducible mode and in integers."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx_conformance.cases import ALL_CASES, TOPIC_OF, in_dtype
from nirx_conformance.digests import DTYPES, committed
from support.golden import COMPILERS, Compiled, equal, needs_compiler
from support.graphs import chain, neuron
from support.integer_graphs import random_integer_case

pytestmark = [
    needs_compiler,
    pytest.mark.filterwarnings("ignore::nirx.NirxWarning"),
]


@pytest.fixture(autouse=True)
def nothing_undefined(capfd):
    """The models are compiled with gcc's checks, which write to stderr."""
    yield
    assert "runtime error" not in capfd.readouterr().err


def first_of_each_topic() -> list[Any]:
    found: dict[str, Any] = {}
    for case in ALL_CASES:
        found.setdefault(TOPIC_OF[case.name], case)
    return list(found.values())


def require_digests(folder, todo, cc):
    """Outputs, states and recordings of each (case, dtype)."""
    graphs = [(case.graph, case.discretization, dtype) for case, dtype in todo]
    compiled, table = Compiled(folder, graphs, cc), committed()
    for number, (case, dtype) in enumerate(todo):
        before = None if case.warmup is None else in_dtype(case.warmup, dtype)
        found = compiled.run(number, in_dtype(case.inputs, dtype), before)
        assert nirx.digest(found) == table[case.name][dtype], (case.name, dtype)


def require_integers(folder, seeds, cc, least):
    """Random graphs in integers, against NumPy."""
    cases = []
    for seed in seeds:
        graph, rule, xs = random_integer_case(seed)
        try:
            net = nirx.from_nir(graph, "numpy", rule, execution="plain")
        except nirx.GraphError as error:  # in a loop of Delays and products, sums grow
            if "below 2**53" not in str(error):
                raise
            continue
        wanted = net.run(xs, None, "all")
        if largest(wanted[2]) < 2**50:  # beyond, float64 is not exact either
            cases.append((seed, graph, rule, xs, wanted))
    assert len(cases) >= least
    compiled = Compiled(folder, [(g, rule, "float32") for _, g, rule, _, _ in cases], cc)
    for number, (seed, _, _, xs, wanted) in enumerate(cases):
        assert equal(compiled.run(number, xs), wanted), seed


def largest(recorded) -> float:
    return max(float(np.abs(a.astype(float)).max(initial=0)) for a in recorded.values())


@pytest.mark.slow
def test_a_case_of_each_topic_gives_the_committed_digests(tmp_path):
    cases = first_of_each_topic()
    todo = [(case, DTYPES[number % 2]) for number, case in enumerate(cases)]
    require_digests(tmp_path, todo, COMPILERS[0])


@pytest.mark.exhaustive
@pytest.mark.parametrize("cc", COMPILERS)
def test_every_case_gives_the_committed_digests(tmp_path, cc):
    require_digests(tmp_path, [(case, dtype) for case in ALL_CASES for dtype in DTYPES], cc)


@pytest.mark.slow
def test_random_graphs_in_integers(tmp_path):
    require_integers(tmp_path, range(12), COMPILERS[0], least=8)


@pytest.mark.exhaustive
@pytest.mark.parametrize("cc", COMPILERS)
def test_200_random_graphs_in_integers(tmp_path, cc):
    require_integers(tmp_path, range(100, 350), cc, least=180)


def test_no_input_is_undefined_in_integers(tmp_path):
    """The largest and the smallest numbers of 64 bits, with traps for undefined behaviour."""
    rules = [
        nirx.Discretization(dt=1.0, arithmetic=nirx.Arithmetic.of({"weight_shift": shift, **more}))
        for shift, more in (
            (3, {"membrane_overflow": "wrap", "input_shift": 4}),
            (-3, {"membrane_change": "saturate", "decay": "shift"}),
            (0, {"decay_rounding": "nearest", "limits": "symmetric", "membrane_lowest": -5}),
        )
    ]
    graph = chain(
        {
            "conv": nir.Conv2d((4, 4), np.full((2, 1, 3, 3), -128.0), 1, 1, 1, 1, np.ones(2)),
            "pool": nir.AvgPool2d(np.array([2, 2]), np.array([1, 1]), np.array([1, 1])),
            "flat": nir.Flatten({"input": np.array([2, 5, 5])}, 0, -1),
            "scale": nir.Scale(np.full(50, -3.0)),
            "fc": nir.Affine(np.full((3, 50), 127.0), np.full(3, -7.0)),
            "lif": neuron(nir.LIF, 3, tau=2.0, r=2.0, v_threshold=5.0),
        },
        (1, 4, 4),
        3,
    )
    compiled = Compiled(tmp_path, [(graph, r, "float32") for r in rules], COMPILERS[0])
    rng = np.random.default_rng(0)
    xs = rng.integers(-(2**63), 2**63 - 1, (200, 1, 4, 4), endpoint=True)
    xs[:3] = np.array([-(2**63), 2**63 - 1, -1])[:, None, None, None]
    for number in range(len(rules)):
        compiled.run(number, xs[:, None])
