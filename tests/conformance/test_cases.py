"""The fixed cases: complete, not vacuous, and passed by every backend."""

import collections

import nir
import numpy as np
import pytest

import nirx
from nirx.dynamics.discretization import CHOICES
from nirx.dynamics.node_types import find_type
from nirx.graphs.flatten import walk_graphs
from nirx_conformance.cases import ALL_CASES
from nirx_conformance.digests import DTYPES
from nirx_conformance.suite.expected import expect
from nirx_conformance.suite.judge import judge
from nirx_conformance.suite.outcome import Outcome

CHUNKS = 4
NEURONS = {"I", "IF", "LI", "LIF", "CubaLI", "CubaLIF"}
UNSTORED = {("input_gain", "euler")}
"""Added after the cases were stored; tests/dynamics/test_input_gain.py and the random cases of
tests/conformance/test_core_against_oracle.py cover it."""
NO_CROSSING = {"silence from the start"}


def values(case):
    """Every (choice, value) that applies to some node of a case."""
    d = case.discretization
    rules = [d, *(d.at(node.path) for node in nirx.schedule(case.graph, d).nodes)]
    return {(name, getattr(rule, name)) for rule in rules for name in (*CHOICES, "max_spikes")}


def delays(case):
    nodes = [node for _, graph, _ in walk_graphs(case.graph) for node in graph.nodes.values()]
    return [n.delay / case.discretization.dt for n in nodes if isinstance(n, nir.Delay)]


def failures(cases, backend, dtype):
    """Cases that do not pass, and exact cases (tolerance 0) that do not match bit for bit."""
    found = []
    for case in cases:
        result = judge(case, nirx.find_backend(backend), dtype)
        exact = result.explanation is not None and result.explanation.bitwise
        if result.outcome is not Outcome.PASS or (case.tolerance == 0 and not exact):
            found.append((result.case, result.outcome, result.message))
    return found


def test_names_are_unique_and_begin_with_a_word():
    names = [case.name for case in ALL_CASES]
    assert len(set(names)) == len(names)
    assert 180 <= len(names) <= 400
    words = [name.split()[0].replace("-", "") for name in names]
    assert all(word.isalnum() and word.isascii() for word in words)
    assert not [name for name in names if "/" in name or name != name.strip()]


def test_every_node_type_occurs():
    kinds = {kind for case in ALL_CASES for kind in case.types}
    types = [t for t in nir.NIRNode.__subclasses__() if t.__module__.startswith("nir.")]
    known = {t.__name__ for t in types if t is nir.NIRGraph or find_type(t)}
    assert kinds == known - {"Input", "Output"}
    assert len(kinds) == 17


@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
def test_every_value_of_every_choice_occurs():
    found = set().union(*map(values, ALL_CASES))
    every = {(name, value) for name, own in CHOICES.items() for value in own}
    assert found >= every - UNSTORED
    assert len([v for name, v in found if name == "max_spikes"]) > 3
    assert any(case.discretization.overrides for case in ALL_CASES)
    assert len({case.discretization.dt for case in ALL_CASES}) > 4


def test_every_level_and_dtype_occurs():
    levels = collections.Counter(case.own_level for case in ALL_CASES)
    assert set(levels) == {"core", "recurrent", "full"}
    assert min(levels.values()) >= 30
    assert {case.dtype for case in ALL_CASES} == set(DTYPES)


def test_every_neuron_type_occurs_with_parameters_of_every_shape():
    found = collections.defaultdict(set)
    for case in ALL_CASES:
        for node in case.graph.nodes.values():
            if type(node).__name__ in NEURONS:
                shape = np.shape(vars(node)["r"])
                found[type(node).__name__].add(0 if shape == () else 1 if shape == (1,) else 2)
    assert all({0, 2} <= shapes for shapes in found.values()), found
    assert set(found) == NEURONS
    assert found["LIF"] == found["CubaLIF"] == {0, 1, 2}


def test_delays_of_every_kind_occur():
    steps = [d for case in ALL_CASES for d in delays(case)]
    assert any((d == 0).all() for d in steps)
    assert any((np.abs(d - np.rint(d)) > 0.1).any() for d in steps)
    assert any(d.min() != d.max() for d in steps if d.size > 1)
    assert any(d.max() > len(c.inputs) for c in ALL_CASES for d in delays(c))


def test_sizes_and_numbers_reach_the_extremes():
    arrays = [case.inputs for case in ALL_CASES if not isinstance(case.inputs, dict)]
    assert {1, 10_000} <= {len(x) for x in arrays}
    assert max(x[0].size for x in arrays) >= 10_000
    assert any(np.isnan(x).any() for x in arrays)
    assert any(np.isposinf(x).any() for x in arrays)
    assert any(np.isneginf(x).any() for x in arrays)


def test_an_unusual_tolerance_has_a_reason():
    usual = ALL_CASES[0]
    for case in ALL_CASES:
        assert case.tolerance <= 1e-5, case.name
        assert (case.tolerance == usual.tolerance) == (case.reason == usual.reason), case.name
        if case.dtype == "float64":
            assert case.tolerance <= usual.tolerance, case.name


@pytest.mark.slow
def test_every_spiking_node_spikes_and_pauses():
    still = set()
    for case in ALL_CASES:
        found = expect(case).result
        spikes = [found.recordings[key] for key in found.margins]
        if any(z.size and z.min() == z.max() for z in spikes):
            still.add(case.name)
    assert still == NO_CROSSING


def test_silence_decays_through_subnormals():
    tiny = np.finfo(np.float64).tiny
    for case in ALL_CASES:
        if case.name.startswith("silence through"):
            v = np.abs(expect(case).result.recordings["n0.v"])
            assert ((v > 0) & (v < tiny)).any(), case.name


def test_ties_are_ties_and_exact():
    for case in ALL_CASES:
        if case.name.startswith("ties ") and case.tolerance == 0:
            margins = expect(case).result.margins.values()
            assert all((margin == 0).any() for margin in margins), case.name


@pytest.mark.slow
@pytest.mark.parametrize(
    "dtype", ["float64", pytest.param("float32", marks=pytest.mark.exhaustive)]
)
def test_numpy_passes(dtype):
    assert failures(ALL_CASES, "numpy", dtype) == []


def backends():
    """JAX compiles every case: half of them are for `make test-all`."""
    for backend, dtype in (("torch", "float64"), ("jax", "float64"), ("torch", "float32")):
        for chunk in range(CHUNKS):
            quick = dtype == "float64" and (backend == "torch" or chunk % 2 == 0)
            marks = pytest.mark.slow if quick else pytest.mark.exhaustive
            yield pytest.param(backend, dtype, chunk, marks=marks)


@pytest.mark.parametrize(("backend", "dtype", "chunk"), [*backends()])
def test_the_other_backends_pass(backend, dtype, chunk):
    assert failures(ALL_CASES[chunk::CHUNKS], backend, dtype) == []
