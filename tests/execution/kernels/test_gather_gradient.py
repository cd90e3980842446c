"""Gradients of products with rare spikes: those of dense products."""

import nir
import numpy as np
import pytest
import torch

from nirx.execution.kernels.gather_gradient import weight_gradient
from support.graphs import lif, line, make_graph
from support.kernels import pair

INPUTS, OUTPUTS = 40, 72


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_whole_numbers_are_exact(count, dtype):
    random = np.random.default_rng(0)
    x = np.zeros((6, 5, INPUTS), dtype)
    x[..., [3 * i for i in range(count)]] = [1, 2, -1, 4, 1, 1, -3, 1][:count]
    g = random.integers(-9, 9, (6, 5, OUTPUTS)).astype(dtype)
    expected = g.reshape(-1, OUTPUTS).T @ x.reshape(-1, INPUTS)
    np.testing.assert_array_equal(weight_gradient(x, g), expected)


def test_threads_change_nothing(monkeypatch):
    random = np.random.default_rng(0)
    x = (random.random((50, INPUTS)) < 0.1).astype("f4")
    g = random.standard_normal((50, OUTPUTS)).astype("f4")
    expected = weight_gradient(x, g)
    monkeypatch.setattr("nirx.execution.kernels.threads.WORTH_IT", 1)
    monkeypatch.setattr("nirx.execution.kernels.threads.thread_count", lambda: 3)
    np.testing.assert_array_equal(weight_gradient(x, g), expected)


def networks(bias, dtype="float64"):
    random = np.random.default_rng(0)
    weight = random.standard_normal((OUTPUTS, INPUTS)).astype("f4")
    fc = nir.Linear(weight) if bias is None else nir.Affine(weight, bias)
    graph = make_graph(
        line("input", "fc", "lif", "output"),
        np.array([INPUTS]),
        fc=fc,
        lif=lif(OUTPUTS, dtype=np.float32),
        output=nir.Output({"output": np.array([OUTPUTS])}),
    )
    return pair(graph, dtype, "torch", dt=1e-3)


def spikes(density):
    xs = np.random.default_rng(1).random((40, 3, INPUTS)) < density
    return torch.tensor(xs.astype("f8"), requires_grad=True)


def gradients(net, xs, **options):
    ys, state = net.run(xs)
    loss = (ys * torch.linspace(-1, 1, OUTPUTS, dtype=ys.dtype)).sum() + (
        state["lif"]["v"] ** 2
    ).sum()
    names, leaves = zip(*sorted(net.named_parameters()), strict=True)
    found = torch.autograd.grad(loss, [xs, *leaves], **options)
    return dict(zip(["xs", *names], found, strict=True))


BIASES = {
    "none": None,
    "each": np.linspace(-1, 1, OUTPUTS, dtype="f4"),
    "one": np.array([0.5], "f4"),
    "scalar": np.array(0.5, "f4"),
}


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("density", [0.05, 0.6])
def test_gathered_or_dense(bias, density, monkeypatch):
    ran = []
    monkeypatch.setattr(
        "nirx_torch.product.weight_gradient", lambda *a: ran.append(a) or weight_gradient(*a)
    )
    plain, fused = networks(BIASES[bias])
    expected, found = (gradients(net, spikes(density)) for net in (plain, fused))
    assert bool(ran) == (density < 0.1)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-12, atol=1e-12, msg=name)


def test_only_what_is_trained():
    plain, fused = networks(BIASES["each"])
    for net in (plain, fused):
        net.fc.weight.requires_grad_(False)
        net.lif.requires_grad_(False)
    xs = spikes(0.05).detach()
    found = []
    for net in (plain, fused):
        (gradient,) = torch.autograd.grad(net.run(xs)[0].sum(), [net.fc.bias])
        found.append(gradient)
    torch.testing.assert_close(found[1], found[0], rtol=1e-12, atol=1e-12)


def test_second_derivatives():
    found = []
    for net in networks(BIASES["each"]):
        xs = spikes(0.05)
        ys = net.run(xs, record=["fc"])[2]["fc"]
        (first,) = torch.autograd.grad((ys**3).sum(), [net.fc.weight], create_graph=True)
        second = torch.autograd.grad((first**2).mean(), [xs, net.fc.weight, net.fc.bias])
        found.append([first.detach(), *second])
    for ours, theirs in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_several_gradients_at_once():
    found = []
    for net in networks(BIASES["each"]):
        ys, _, recorded = net.run(spikes(0.05), record=["fc"])
        losses = torch.stack([ys.sum(), (recorded["fc"] ** 2).sum()])
        seeds = torch.eye(2, dtype=ys.dtype)
        found += torch.autograd.grad(losses, [net.fc.weight], seeds, is_grads_batched=True)
    torch.testing.assert_close(found[1], found[0], rtol=1e-12, atol=1e-12)
