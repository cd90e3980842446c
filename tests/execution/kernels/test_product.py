"""Linear and Affine with rare spikes: one kernel, bias included."""

import nir
import numpy as np
import pytest

from support.agreement import assert_bits, assert_near
from support.graphs import line, make_graph
from support.kernels import pair

INPUTS, OUTPUTS, STEPS = 80, 64, 50


def graph(bias):
    weight = np.random.default_rng(0).standard_normal((OUTPUTS, INPUTS)).astype("f4")
    node = nir.Linear(weight) if bias is None else nir.Affine(weight, np.array(bias, "f4"))
    output = nir.Output({"output": np.array([OUTPUTS])})
    return make_graph(line("input", "n", "output"), np.array([INPUTS]), n=node, output=output)


def spikes(value=1.0):
    chosen = np.random.default_rng(1).random((STEPS, 2, INPUTS)) < 0.05
    return (chosen * value).astype("f4")


BIASES = {
    "none": None,
    "scalar": 0.5,
    "one": [0.5],
    "one each": np.linspace(-1, 1, OUTPUTS),
}


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("bias", BIASES.values(), ids=BIASES)
def test_the_bits_of_the_steps(bias, backend, monkeypatch):
    ran = count_kernels(monkeypatch)
    plain, fused = pair(graph(bias), backend=backend, reproducible=True)
    xs = spikes()
    with no_gradients(backend):
        expected = plain.run(tensor(xs, backend))[0]
        assert not ran
        assert_bits(fused.run(tensor(xs, backend))[0], expected)
    assert ran


@pytest.mark.parametrize("bias", BIASES.values(), ids=BIASES)
def test_in_fast_mode_up_to_the_order_of_sums(bias):
    plain, fused = pair(graph(bias))
    assert_near(fused.run(spikes())[0], plain.run(spikes())[0], 1e-5, "y")


@pytest.mark.parametrize("value", [2.0, 0.3, np.nan])
def test_what_is_not_0_and_1_goes_the_general_way(value):
    plain, fused = pair(graph(0.5), reproducible=True)
    assert_bits(fused.run(spikes(value))[0], plain.run(spikes(value))[0])


def count_kernels(monkeypatch):
    from nirx.execution.kernels import product

    ran, own = [], product.run_kernel
    monkeypatch.setattr(product, "run_kernel", lambda *a: ran.append(a) or own(*a))
    return ran


def tensor(array, backend):
    import torch

    return torch.from_numpy(array) if backend == "torch" else array


def no_gradients(backend):
    import torch

    return torch.set_grad_enabled(backend != "torch")
