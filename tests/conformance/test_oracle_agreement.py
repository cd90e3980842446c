"""The comparison fails when it should, and excuses only what rounding may decide."""

import copy

import nir
import numpy as np
import pytest

from nirx_conformance.oracle import compare

THRESHOLD = 1.0


@pytest.fixture
def result(run_node):
    # a = 1/2: v = 0.5, 1 (no spike, margin 0), 1.5 -> 0, 0.5
    node = nir.LIF(*(np.array([x]) for x in (2.0, 1.0, 0.0, THRESHOLD, 0.0)))
    return run_node(node, [[1], [1.5], [2], [1]])


def copies(result):
    return copy.deepcopy((result.recordings, result.state))


def test_a_result_agrees_with_itself(result):
    assert result.margins["node"].ravel().tolist() == [0.5, 0.0, 0.5, 0.5]
    assert compare(result, result.recordings, result.state) == (None, None)


def test_a_wrong_v_is_found(result):
    recordings, state = copies(result)
    recordings["node.v"][1, 0] += 1e-11
    fault = compare(result, recordings, state).fault
    assert fault is not None
    assert fault.startswith("node.v[1, 0]")
    assert compare(result, recordings, state, tolerance=1e-10) == (None, None)


def test_a_wrong_spike_is_found_whatever_the_tolerance(result):
    recordings, state = copies(result)
    recordings["node"][0, 0] = 1.0
    fault = compare(result, recordings, state, tolerance=0.1).fault
    assert fault is not None
    assert "node[0, 0]" in fault


def test_a_spike_at_the_threshold_is_excused_with_everything_after_it(result):
    recordings, state = copies(result)
    recordings["node"][1, 0] = recordings["out"][1, 0] = 1.0
    recordings["node.v"][1:] = 77.0
    assert compare(result, recordings, state) == (None, 1)
    recordings["node.v"][0] = 77.0  # what came before is not
    assert compare(result, recordings, state).fault is not None


def test_nan_equals_only_nan(result):
    recordings, state = copies(result)
    recordings["node.v"][3] = np.nan
    assert compare(result, recordings, state).fault is not None


def test_a_wrong_state_is_found(result):
    recordings, state = copies(result)
    state["node"]["v"] = state["node"]["v"] + 1e-11
    fault = compare(result, recordings, state).fault
    assert fault is not None
    assert fault.startswith("state ('node', 'v')")


def test_missing_and_misshapen_parts_are_found(result):
    recordings, state = copies(result)
    assert compare(result, recordings, {}).fault == "state leaves differ: {('node', 'v')}"
    fewer = {key: value for key, value in recordings.items() if key != "node.v"}
    assert compare(result, fewer, state).fault == "recorded keys differ: {'node.v'}"
    recordings["node.v"] = recordings["node.v"].ravel()
    assert compare(result, recordings, state).fault == "node.v: shape (4,), oracle (4, 1)"
