"""Linear, Affine, Scale, Threshold, Flatten, Input and Output, by hand."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import chain, changed
from support.one_node import alone

Shape = tuple[int, ...]


def run(node: Any, xs: Any, features: Shape, dtype: str = "float64", **choices: Any) -> Any:
    """xs is [time, *batch, *features]."""
    ys, state = alone(node, features, dtype, **choices).run(np.asarray(xs, dtype))
    assert state == {}
    return ys


def test_linear_by_hand():
    weight = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])
    assert run(nir.Linear(weight), [[1, 1, 1], [2, 0, 4]], (3,)).tolist() == [[6, -0.5], [14, 2]]


def test_affine_adds_the_bias():
    node = nir.Affine(np.array([[1.0, 2.0]]), np.array([0.25]))
    assert run(node, [[1, 1], [0, 0]], (2,)).tolist() == [[3.25], [0.25]]


@pytest.mark.parametrize("bias", [np.array(0.5), np.array([0.5]), np.array([0.5, 0.5]), None])
def test_a_bias_may_broadcast_or_be_absent(bias):
    node = changed(nir.Affine(np.eye(2), np.zeros(2)), bias=bias)
    expected = [[1, 2]] if bias is None else [[1.5, 2.5]]
    assert run(node, [[1, 2]], (2,)).tolist() == expected


@pytest.mark.parametrize("lead", [(2,), (3, 2)])
@pytest.mark.parametrize("batch", [(), (4,)])
def test_weights_of_more_dimensions_are_batched(lead, batch):
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(*lead, 5, 3)), rng.normal(size=(*lead, 5))
    xs = rng.normal(size=(6, *batch, *lead, 3))
    expected = np.zeros((6, *batch, *lead, 5))
    for index in np.ndindex(6, *batch, *lead):
        own = index[len(index) - len(lead) :]
        for out in range(5):
            expected[(*index, out)] = sum(
                weight[(*own, out, k)] * xs[(*index, k)] for k in range(3)
            )
    np.testing.assert_allclose(run(nir.Linear(weight), xs, (*lead, 3)), expected, rtol=1e-12)
    np.testing.assert_allclose(
        run(nir.Affine(weight, bias), xs, (*lead, 3)), expected + bias, rtol=1e-12
    )


@pytest.mark.parametrize("scale", [np.array(2.0), np.array([1.0, -2.0]), np.array([[3.0], [0.5]])])
def test_scale_multiplies(scale):
    xs = np.arange(12.0).reshape(3, 2, 2)
    assert run(nir.Scale(scale), xs, (2, 2)).tolist() == (xs * scale).tolist()


def test_threshold_is_strict_unless_ge():
    node = nir.Threshold(np.array([0.5, 1.0, -1.0]))
    xs = [[0.5, 1.5, -1.0], [0.6, 1.0, -0.5], [np.nan, np.inf, -np.inf]]
    assert run(node, xs, (3,)).tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert run(node, xs, (3,), threshold="ge").tolist() == [[1, 1, 1], [1, 1, 1], [0, 1, 0]]


def test_threshold_emits_one_spike_even_if_neurons_count():
    choices = {"spikes": "multi", "reset": "subtract"}
    assert run(nir.Threshold(np.array([0.5])), [[9.0]], (1,), **choices).tolist() == [[1]]


@pytest.mark.parametrize(
    ("dims", "shape"), [((0, -1), (24,)), ((1, -1), (2, 12)), ((0, 1), (6, 4)), ((-3, -2), (6, 4))]
)
@pytest.mark.parametrize("batch", [(), (5,)])
def test_flatten_never_touches_time_and_batch(dims, shape, batch):
    xs = np.arange(3.0 * 24 * int(np.prod(batch))).reshape(3, *batch, 2, 3, 4)
    node = nir.Flatten({"input": np.array([2, 3, 4])}, *dims)
    assert run(node, xs, (2, 3, 4)).tolist() == xs.reshape(3, *batch, *shape).tolist()


def test_input_and_output_pass_their_value_through():
    net = nirx.from_nir(chain([]), "numpy", nirx.Discretization())
    xs = np.array([[-0.0, np.inf]], np.float32)
    assert net.run(xs)[0].tobytes() == xs.tobytes()


def test_empty_features():
    assert run(nir.Scale(np.array(2.0)), np.zeros((3, 5, 0)), (0,)).shape == (3, 5, 0)
    assert run(nir.Linear(np.ones((4, 0))), np.zeros((3, 0)), (0,)).tolist() == [[0] * 4] * 3
    assert run(nir.Linear(np.ones((0, 2))), np.zeros((3, 2)), (2,)).shape == (3, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_of_any_dtype_run_in_the_runs_dtype(dtype):
    for kind in ("i4", "u1", "f2", "f4", "f8", ">f8", "?"):
        ys = run(nir.Scale(np.array([1, 0], kind)), [[3, 4]], (2,), dtype)
        assert ys.dtype == dtype
        assert ys.tolist() == [[3, 0]]
