"""A kernel cuts weights into the slices that `nirx.execution.sliced.cut` defines."""

import numpy as np
import pytest

from nirx.dynamics import surrogates
from nirx.execution.kernels import cutting
from nirx.execution.kernels.cutting import cut_rows
from nirx.execution.numpy_reproducible import ReproducibleNumpyOps
from nirx.execution.numpy_slices import NumpyKernel
from nirx.execution.reproducible import SMALLEST
from nirx.execution.sliced import SLICES, cut, slice_bits
from support.agreement import assert_bits


def weights(shape, dtype):
    """All magnitudes that reproducible mode keeps, a row of zeros, and rows that are not finite."""
    random = np.random.default_rng(5)
    most = 27 if dtype == "float32" else 280
    found = random.standard_normal(shape) * 10.0 ** random.integers(-most, most, shape)
    found = found.astype(dtype).reshape(len(found), -1)
    found[1], found[2, 0], found[3, -1], found[4, 1] = 0, np.inf, np.nan, -np.inf
    found[5] = np.finfo(dtype).max
    return found.reshape(shape)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(6, 7), (8, 1), (9, 64), (40, 3, 5), (17, 2, 3, 3)], ids=str)
def test_the_slices_of_the_definition(shape, dtype):
    weight = weights((*shape[:-1], max(shape[-1], 2)), dtype)
    axes, count = tuple(range(1, weight.ndim)), SLICES[dtype]
    bits = slice_bits(weight[0].size)
    expected = cut(NumpyKernel(), weight.astype(np.float64), axes, bits, count)
    found = cut_rows(weight, bits, count)
    assert found.bits == expected.bits
    np.testing.assert_array_equal(found.finite, expected.finite)
    assert_bits([*found.parts, found.exponent], [*expected.parts, expected.exponent])
    assert found.low is not None
    assert_bits(found.merged(), expected.merged())


@pytest.mark.parametrize("gathers", [False, True])
def test_large_weights_are_cut_by_it_where_kernels_run(gathers, monkeypatch):
    calls = []
    monkeypatch.setattr(cutting, "cut_rows", lambda *a: calls.append(1) or cut_rows(*a))
    ops = ReproducibleNumpyOps(np.dtype("float32"), gathers)
    for size, expected in ((4, 0), (70, int(gathers))):
        ops.prepare_linear(np.ones((size, size), np.float32))
        assert len(calls) == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_parameter_that_learns_is_looked_at_and_flushed_only_where_it_must_be(dtype):
    torch = pytest.importorskip("torch")
    ops_of_torch = pytest.importorskip("nirx_torch.reproducible").ReproducibleTorchOps
    ops = ops_of_torch(getattr(torch, dtype), torch.device("cpu"), surrogates.arctan(), False)
    ops.gathers = True
    tiny = float(np.finfo(dtype).smallest_subnormal)
    for values, flushed in (
        ([1.0, 0.0, -2.0, np.nan, np.inf, -np.inf], False),
        ([1.0, -0.0], True),
        ([np.nan, tiny], True),
        ([-SMALLEST[dtype] / 2], True),
        ([SMALLEST[dtype], -SMALLEST[dtype]], False),
    ):
        parameter = torch.tensor(values, dtype=getattr(torch, dtype), requires_grad=True)
        used = ops.use(parameter)
        assert (used is not parameter) == flushed
        with torch.no_grad():
            assert_bits(used.numpy(), ops.use(parameter).numpy())
        used.nan_to_num().sum().backward()
        assert parameter.grad is not None
