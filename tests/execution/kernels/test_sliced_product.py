"""Reproducible products of any numbers in one kernel: the bits of the slices, one by one."""

import nir
import numpy as np
import pytest

from nirx.execution.kernels import product
from support.agreement import assert_bits
from support.graphs import line, make_graph
from support.kernels import pair

INPUTS, OUTPUTS = 70, 30


def graph(kind):
    random = np.random.default_rng(0)
    weight = random.standard_normal((OUTPUTS, INPUTS))
    if kind == "harsh":
        weight *= 10.0 ** random.integers(-30, 30, weight.shape)
        weight[3] = 0
    node = nir.Affine(weight, random.standard_normal(OUTPUTS))
    if kind == "without bias":
        node = nir.Linear(weight)
    output = nir.Output({"output": np.array([OUTPUTS])})
    return make_graph(line("input", "n", "output"), np.array([INPUTS]), n=node, output=output)


def numbers(kind, dtype):
    random = np.random.default_rng(1)
    xs = random.standard_normal((45, 3, INPUTS))
    if kind == "harsh":
        xs[6] *= 10.0 ** random.integers(-30, 30, xs[6].shape)
        xs[0, 0, 0], xs[1, 1, 1], xs[2] = np.inf, np.nan, 0
        xs[3], xs[4], xs[5, 0, 0] = xs[3] * 1e-30, xs[4] * 1e30, -0.0
    return xs.astype(dtype)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("of_weight", ["plain", "without bias", "harsh"])
@pytest.mark.parametrize("of_input", ["plain", "harsh"])
def test_the_bits_of_the_slices(of_input, of_weight, dtype, backend, monkeypatch):
    calls, own = [], product.sliced_product
    monkeypatch.setattr(product, "sliced_product", lambda *a: calls.append(1) or own(*a))
    plain, fused = pair(graph(of_weight), dtype, backend, reproducible=True, dt=1e-3)
    xs = numbers(of_input, dtype)
    if backend == "torch":
        torch = pytest.importorskip("torch")
        with torch.no_grad():
            assert_bits(fused.run(torch.from_numpy(xs)), plain.run(torch.from_numpy(xs)))
    else:
        assert_bits(fused.run(xs), plain.run(xs))
    assert calls


@pytest.mark.parametrize("rows", [1, 20])
def test_few_rows_and_zeros_and_ones_have_other_ways(rows, monkeypatch):
    monkeypatch.setattr(product, "sliced_product", None)
    plain, fused = pair(graph("plain"), "float32", "numpy", reproducible=True, dt=1e-3)
    xs = numbers("plain", "float32")
    for own in (xs[:rows, 0], (xs > 0).astype("float32")):
        assert_bits(fused.run(own), plain.run(own))


def test_a_weight_with_further_axes_runs_plain():
    random = np.random.default_rng(0)
    node = nir.Affine(random.standard_normal((4, 2, 3)), random.standard_normal((4, 2)))
    output = nir.Output({"output": np.array([4, 2])})
    own = make_graph(line("input", "n", "output"), np.array([4, 3]), n=node, output=output)
    plain, fused = pair(own, "float32", "numpy", reproducible=True, dt=1e-3)
    xs = random.standard_normal((50, 3, 4, 3)).astype("float32")
    assert_bits(fused.run(xs), plain.run(xs))
