"""Linear, Affine, Scale, Threshold and Flatten by hand."""

from typing import Any

import nir
import numpy as np
import pytest

ANY: Any = None


def test_linear(run_node):
    node = nir.Linear(np.array([[1, 2], [3, 4], [5, 6]]))
    result = run_node(node, [[10, 1]])
    assert result.outputs["out"].tolist() == [[12, 34, 56]]
    assert result.state == {}


def test_linear_is_batched_over_leading_dimensions(run_node):
    # weight [2, 1, 2]: row 0 reads x[0], row 1 reads x[1]
    node = nir.Linear(np.array([[[1, 2]], [[3, 4]]]))
    result = run_node(node, [[[1, 10], [100, 1000]]])
    assert result.outputs["out"].tolist() == [[[21], [4300]]]


def test_affine(run_node):
    node = nir.Affine(np.array([[1, 2], [3, 4]]), np.array([100, 200]))
    assert run_node(node, [[10, 1]]).outputs["out"].tolist() == [[112, 234]]


def test_affine_without_bias(run_node):
    node = nir.Affine(np.array([[1, 2], [3, 4]]), ANY)
    assert run_node(node, [[10, 1]]).outputs["out"].tolist() == [[12, 34]]


def test_scale(run_node):
    assert run_node(nir.Scale(np.array([2, -1])), [[3, 5]]).outputs["out"].tolist() == [[6, -5]]
    broadcast = run_node(nir.Scale(np.array([[2], [3]])), [[[1, 10], [1, 10]]])
    assert broadcast.outputs["out"].tolist() == [[[2, 20], [3, 30]]]


@pytest.mark.parametrize(("choice", "at_the_tie"), [("gt", 0), ("ge", 1)])
def test_threshold(run_node, choice, at_the_tie):
    node = nir.Threshold(np.array(0.5))
    result = run_node(node, [[0.25, 0.5, 1.0, np.nan]], threshold=choice, spikes="multi")
    assert result.outputs["out"].tolist() == [[0, at_the_tie, 1, 0]]
    assert result.margins["node"][0, :3].tolist() == [0.25, 0.0, 0.5]


@pytest.mark.parametrize(
    ("start", "end", "shape"),
    [(0, -1, (24,)), (1, -1, (2, 12)), (0, 1, (6, 4)), (-2, 2, (2, 12)), (1, 1, (2, 3, 4))],
)
def test_flatten(run_node, start, end, shape):
    x = np.arange(24.0).reshape(2, 3, 4)
    result = run_node(nir.Flatten(ANY, start, end), x[None])
    assert result.outputs["out"].shape == (1, *shape)
    assert result.outputs["out"].ravel().tolist() == list(range(24))


def test_flatten_of_a_number(run_node):
    assert run_node(nir.Flatten(ANY, 0, -1), np.array([3.0])).outputs["out"].tolist() == [[3.0]]
