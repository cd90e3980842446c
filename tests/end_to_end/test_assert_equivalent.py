"""`compare` and `assert_equivalent` over the real backends: texts and refusals."""

from __future__ import annotations

import numpy as np
import pytest

import nirx
from support.graphs import chain, lif

RULE = nirx.Discretization(dt=1.0)


@pytest.fixture
def graph():
    return chain({"[b]lif": lif(r=2.0, v_threshold=0.2)})


@pytest.fixture
def xs():
    return np.random.default_rng(13).random((10, 3, 2)).astype(np.float32)


def late(xs):
    """A backend that is wrong: it spikes one step late."""
    ys = np.zeros((10, 3, 2), np.float32)
    ys[6, 2, 1] = 1.0
    return ys


def quiet(xs):
    return np.zeros((10, 3, 2), np.float32)


def test_three_backends_agree_and_the_table_shows_it(graph, xs):
    c = nirx.assert_equivalent(graph, xs, discretization=RULE)
    text = str(c)
    assert (c.reference, [o.backend for o in c.others]) == ("numpy", ["torch", "jax"])
    assert "against numpy" in text
    assert "no divergence: all spikes equal" in text
    assert " NO " not in text


def test_a_difference_raises_with_backend_step_node_index_and_values(graph, xs):
    with pytest.raises(AssertionError) as caught:
        nirx.assert_equivalent(graph, xs, (quiet, late), discretization=RULE)
    text = str(caught.value)
    assert "the backends differ" in text
    assert "late first diverges at step 6, output[2, 1]: 0.0 against 1.0" in text
    assert "NO" in text


def test_a_backend_may_return_outputs_outputs_and_state_or_all_three(graph, xs):
    backends = (quiet, lambda xs: (quiet(xs), {}), lambda xs: ({"output": quiet(xs)}, {}, {}))
    with pytest.warns(nirx.NirxWarning, match="nothing was compared"):
        c = nirx.assert_equivalent(graph, xs, backends, discretization=RULE)
    assert c.bitwise
    assert len(c.others) == 2


@pytest.mark.parametrize(
    ("backends", "message"),
    [
        (("numpy",), "at least two backends, got 1"),
        ("numpy", "at least two backends, got 1"),
        (("numpy", "nump"), "no backend 'nump'; did you mean 'numpy'"),
        (("numpy", lambda xs: xs[:3]), r"'output' in shape \(3, 3, 2\); expected \(10, 3, 2\)"),
        (("numpy", lambda xs: {"other": xs}), r"nothing that can be compared.*'output'"),
    ],
)
def test_what_cannot_be_compared_is_refused(backends, message, graph, xs):
    with pytest.raises(nirx.InputError, match=message):
        nirx.compare(graph, xs, backends, discretization=RULE)


def test_no_steps_compare_as_equal(graph, xs):
    assert nirx.compare(graph, xs[:0], discretization=RULE).bitwise
