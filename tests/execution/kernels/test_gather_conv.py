"""Convolutions of rare spikes."""

import numpy as np
import pytest

from nirx.dynamics.ops import ConvGeometry
from nirx.execution.kernels.gather_conv import GatheredConv
from nirx.execution.numpy_ops import NumpyOps

GEOMETRIES = {
    "plain": ((6, 4, 3, 3), (9, 8), ConvGeometry((1, 1), ((0, 0), (0, 0)), (1, 1), 1)),
    "all": ((6, 2, 3, 2), (9, 11), ConvGeometry((2, 3), ((1, 1), (2, 2)), (2, 1), 2)),
    "same": ((4, 4, 2, 4), (5, 6), ConvGeometry((1, 1), ((0, 1), (1, 2)), (1, 1), 1)),
    "depthwise": ((8, 1, 3, 3), (6, 6), ConvGeometry((1, 1), ((1, 1), (1, 1)), (1, 1), 4)),
    "one axis": ((6, 2, 3), (12,), ConvGeometry((2,), ((2, 2),), (2,), 2)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("weight", "space", "geometry"), GEOMETRIES.values(), ids=GEOMETRIES)
def test_whole_numbers_are_exact(weight, space, geometry, dtype):
    random = np.random.default_rng(0)
    own = random.integers(-9, 9, weight).astype(dtype)
    x = (random.random((40, weight[1] * geometry.groups, *space)) < 0.1).astype(dtype)
    x[3] *= 5
    found = GatheredConv(own, own, geometry, 0.3).product(x)
    assert found is not None
    np.testing.assert_array_equal(found, NumpyOps(np.dtype(dtype)).convolve(x, own, geometry))


@pytest.mark.parametrize("reason", ["dense", "few samples", "not finite"])
def test_the_backends_convolution_where_taps_do_not_pay(reason):
    shape, space, geometry = GEOMETRIES["plain"]
    weight = np.ones(shape)
    x = np.zeros((3 if reason == "few samples" else 40, shape[1], *space))
    if reason == "dense":
        x += 1
    if reason == "not finite":
        weight[0, 0, 0, 0] = np.inf
    assert GatheredConv(weight, weight, geometry, 0.3).product(x) is None
