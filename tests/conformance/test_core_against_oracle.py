"""nirx's NumPy backend in float64 agrees with the oracle on random graphs."""

import pytest
from hypothesis import HealthCheck, given, settings

import nirx
from nirx_conformance import oracle
from nirx_conformance.strategies import Case, cases, random_case

pytestmark = pytest.mark.filterwarnings("ignore::nirx.NirxWarning")


def agreement(case: Case) -> oracle.Agreement:
    expected = oracle.run(case.graph, case.discretization, case.inputs)
    network = nirx.from_nir(
        case.graph, backend="numpy", discretization=case.discretization, dtype="float64"
    )
    outputs, state, recordings = network.run(case.inputs, record="all")
    if not isinstance(outputs, dict):
        outputs = dict.fromkeys(expected.outputs, outputs)
    assert set(outputs) == set(expected.outputs)
    for name, path in ((name, oracle.path_text((name,))) for name in outputs):
        assert (outputs[name] == recordings[path]).all(), "an output is its Output node's value"
    return oracle.compare(expected, recordings, state)


@pytest.mark.slow
@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=cases())
def test_random_cases(case):
    assert agreement(case).fault is None


@pytest.mark.slow
def test_seeded_cases():
    found = {seed: agreement(random_case(seed)) for seed in range(150)}
    assert {seed: a.fault for seed, a in found.items() if a.fault} == {}
    # Excuses are for the rare spike that rounding decides, not a way out.
    assert sum(a.excused_at is not None for a in found.values()) <= 2


@pytest.mark.exhaustive
def test_many_seeded_cases():
    faults = {seed: agreement(random_case(seed)).fault for seed in range(1000, 3000)}
    assert {seed: fault for seed, fault in faults.items() if fault} == {}
