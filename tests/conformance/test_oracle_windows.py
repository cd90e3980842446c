"""Conv1d, Conv2d and the pools by hand."""

from typing import Any

import nir
import numpy as np
import pytest

ANY: Any = None
NINE = np.arange(1.0, 10.0).reshape(1, 3, 3)


def conv1d(weight, stride=1, padding: Any = 0, dilation=1, groups=1, bias: Any = None):
    return nir.Conv1d(ANY, np.array(weight, float), stride, padding, dilation, groups, bias)


def conv2d(weight, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups=1, bias: Any = ANY):
    return nir.Conv2d(ANY, np.array(weight, float), stride, padding, dilation, groups, bias)


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        ({}, [321, 432, 543]),  # not flipped: 1*1 + 10*2 + 100*3
        ({"dilation": 2}, [531]),
        ({"stride": 2, "padding": 1}, [210, 432, 54]),
        ({"padding": "same"}, [210, 321, 432, 543, 54]),
        ({"padding": "valid", "stride": 3}, [321]),
        ({"padding": "same", "dilation": 2}, [310, 420, 531, 42, 53]),
    ],
)
def test_conv1d(run_node, geometry, expected):
    result = run_node(conv1d([[[1, 10, 100]]], **geometry), [[[1, 2, 3, 4, 5]]])
    assert result.outputs["out"].tolist() == [[expected]]


def test_conv1d_same_puts_the_extra_zero_after(run_node):
    result = run_node(conv1d([[[1, 10]]], padding="same"), [[[1, 2, 3]]])
    assert result.outputs["out"].tolist() == [[[21, 32, 3]]]


def test_conv1d_groups_and_bias(run_node):
    bias = np.array([0.5, 0, 0, 0])
    node = conv1d([[[1]], [[10]], [[100]], [[1000]]], groups=2, bias=bias)
    result = run_node(node, [[[1, 2], [3, 4]]])
    assert result.outputs["out"].tolist() == [[[1.5, 2.5], [10, 20], [300, 400], [3000, 4000]]]


def test_conv1d_sums_over_channels(run_node):
    result = run_node(conv1d([[[1, 10], [100, 1000]]]), [[[1, 2, 3], [4, 5, 6]]])
    assert result.outputs["out"].tolist() == [[[21 + 5400, 32 + 6500]]]


@pytest.mark.parametrize(
    ("weight", "geometry", "expected"),
    [
        ([[[[1, 2], [3, 4]]]], {}, [[37, 47], [67, 77]]),
        (
            [[[[1, 2], [3, 4]]]],
            {"padding": "same"},
            [[37, 47, 21], [67, 77, 33], [23, 26, 9]],
        ),
        ([[[[1, 2], [3, 4]]]], {"dilation": 2}, [[1 + 6 + 21 + 36]]),
        ([[[[1, 10, 100]]]], {}, [[321], [654], [987]]),  # a kernel one row high
        ([[[[1], [10]]]], {"stride": (1, 2)}, [[41, 63], [74, 96]]),
        ([[[[1, 10]]]], {"padding": (1, 0), "stride": (2, 1)}, [[0, 0], [54, 65], [0, 0]]),
        ([[[[1, 10]]]], {"dilation": (1, 2), "padding": "valid"}, [[31], [64], [97]]),
        ([[[[1]]]], {"padding": 1, "stride": 2}, [[0, 0, 0], [0, 5, 0], [0, 0, 0]]),
    ],
)
def test_conv2d(run_node, weight, geometry, expected):
    result = run_node(conv2d(weight, **geometry), NINE[None])
    assert result.outputs["out"].tolist() == [[expected]]


def test_conv2d_groups_and_bias(run_node):
    x = np.stack([NINE[0], -NINE[0]])
    node = conv2d([[[[1]]], [[[10]]]], groups=2, bias=np.array([0.5, 1.0]))
    expected = [(NINE[0] + 0.5).tolist(), (-10 * NINE[0] + 1).tolist()]
    assert run_node(node, x[None]).outputs["out"].tolist() == [expected]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "sums"),
    [
        ((2, 2), (1, 2), (0, 0), [[12], [24]]),  # the last column is left over
        ((2, 2), (2, 2), (1, 1), [[1, 5], [11, 28]]),
        ((1, 3), (2, 1), (0, 1), [[3, 6, 5], [15, 24, 17]]),
    ],
)
def test_pools(run_node, kernel, stride, padding, sums):
    geometry = [np.array(numbers) for numbers in (kernel, stride, padding)]
    summed = run_node(nir.SumPool2d(*geometry), NINE[None])
    assert summed.outputs["out"].tolist() == [[sums]]
    # padded zeros count in the mean
    mean = run_node(nir.AvgPool2d(*geometry), NINE[None]).outputs["out"]
    np.testing.assert_allclose(mean, [[np.array(sums) / np.prod(kernel)]], rtol=1e-15)


def test_pools_do_not_mix_channels(run_node):
    x = np.concatenate([NINE, 10 * NINE])
    node = nir.SumPool2d(np.array([3, 3]), np.array([1, 1]), np.array([0, 0]))
    assert run_node(node, x[None]).outputs["out"].tolist() == [[[[45]], [[450]]]]
