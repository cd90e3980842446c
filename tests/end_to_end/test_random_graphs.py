"""Random graphs: all backends against the oracle, in float64."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from nirx_conformance import oracle
from nirx_conformance.strategies import random_case
from support.agreement import assert_near, assert_states_close, steps_before_a_close_call
from support.running import BACKENDS, Running

TOLERANCE = 1e-12
MARKS = {range(4): (), range(4, 15): pytest.mark.slow, range(1000, 1060): pytest.mark.exhaustive}
SEEDS = [
    pytest.param(seed, id=f"seed{seed}", marks=marks)
    for seeds, marks in MARKS.items()
    for seed in seeds
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.sampled(3)
def test_every_backend_agrees_with_the_oracle(seed):
    case = random_case(seed)
    expected = oracle.run(case.graph, case.discretization, case.inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for backend in BACKENDS:
            net = Running(backend, case.graph, case.discretization, "float64")
            outputs, state, rec = net.run(case.inputs)
            assert rec.keys() == expected.recordings.keys()
            steps = steps_before_a_close_call(expected.margins, rec, expected.recordings, TOLERANCE)
            for key, value in expected.recordings.items():
                assert rec[key].shape == value.shape
                where = f"{backend} {key}"
                assert_near(rec[key][:steps], value[:steps], TOLERANCE, where)
            if steps == len(next(iter(rec.values()))):
                assert_states_close(state, expected.state, TOLERANCE, backend)
            outputs = outputs if isinstance(outputs, dict) else {None: outputs}
            for name, y in outputs.items():
                (key,) = expected.outputs if name is None else (name,)
                assert_near(y[:steps], expected.outputs[key][:steps], TOLERANCE, backend)


def test_the_cases_have_spikes_loops_and_several_ports():
    cases = [random_case(seed) for seed in range(15)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = [oracle.run(c.graph, c.discretization, c.inputs) for c in cases]
    spiking = [sum(int((r.recordings[key] != 0).sum()) for key in r.margins) for r in results]
    assert sum(n > 0 for n in spiking) >= 8
    assert any("feedback" in str(r.state) for r in results)
    assert any(len(r.outputs) > 1 for r in results)
    assert any(isinstance(c.inputs, dict) for c in cases)
    assert all(np.isfinite(y).all() for r in results for y in r.outputs.values())
