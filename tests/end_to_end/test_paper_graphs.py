"""The graphs of the NIR paper (Pedersen et al. 2024) on all backends."""

from __future__ import annotations

import numpy as np
import pytest

import nirx
from nirx_conformance import oracle
from support.agreement import assert_near, assert_states_close, steps_before_a_close_call
from support.running import BACKENDS, Running

SOUND = {
    "braille_noDelay_bias_zero": (1e-4, 60),
    "braille_noDelay_noBias_subtract": (1e-4, 60),
    "cnn_sinabs": (1.0, 6),
    "lif_norse": (1e-4, 200),
}
BROKEN = "braille_noDelay_bias_zero_subgraph"


def cases():
    for name in SOUND:
        for batch in (1, 5):
            heavy = batch == 5 or name == "cnn_sinabs"
            marks = pytest.mark.slow if heavy else ()
            yield pytest.param((name, batch), id=f"{name}-batch{batch}", marks=marks)


@pytest.fixture(params=cases())
def case(request, paper):
    """The graph, its discretization, and random spike trains."""
    name, batch = request.param
    dt, steps = SOUND[name]
    graph = nirx.read(paper / f"{name}.nir")
    rule = nirx.Discretization(dt=dt)
    (port,) = nirx.schedule(graph, rule).inputs
    features = nirx.schedule(graph, rule).nodes[port[1]].output_shape
    rng = np.random.default_rng(9)
    spikes = (rng.random((steps, batch, *features)) < 0.3).astype(np.float64)
    return graph, rule, spikes


@pytest.fixture
def expected(case):
    return oracle.run(*case)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
@pytest.mark.sampled(3)
def test_float64_against_the_oracle_and_float32_between_backends(case, expected):
    graph, rule, spikes = case
    assert sum(expected.recordings[key].sum() for key in expected.margins) > 0
    narrow = {}
    for backend in BACKENDS:
        _, state, rec = Running(backend, graph, rule, "float64").run(spikes)
        for key in expected.margins:
            different = rec[key] != expected.recordings[key]
            assert not different.any(), f"{backend} {key}: {np.argwhere(different)[:3]}"
        assert_states_close(state, expected.state, 1e-12, backend)
        run = Running(backend, graph, rule, "float32")
        narrow[backend] = run.run(spikes.astype(np.float32))[2]
    reference = narrow.pop("numpy")
    for rec in narrow.values():
        steps = steps_before_a_close_call(expected.margins, rec, reference, 1e-5)
        for key in expected.recordings:
            assert_near(rec[key][:steps], reference[key][:steps], 1e-3, key)


def test_the_broken_graph_is_refused_with_a_suggested_fix(paper):
    with pytest.raises(nirx.GraphError, match=r"no node 'lif'.*did you mean 'lif1'\?"):
        nirx.read(paper / f"{BROKEN}.nir")
