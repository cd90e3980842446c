"""Batch normalization in eval mode and max pooling of spikes, into NIR."""

# torch's annotations are narrower than what it gives.
# pyright: reportOptionalMemberAccess=false, reportAttributeAccessIssue=false

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import nirx
from nirx_torch import torch_to_nir

D = nirx.Discretization(dt=1e-3)


class LIF(nn.Module):
    """v += (x - v)/10, spikes above 0.1, reset to 0."""

    def forward(self, x, state=None):
        v = torch.zeros_like(x) if state is None else state
        v = v + 0.1 * (x - v)
        z = (v > 0.1).to(x.dtype)
        return z, v * (1 - z)


def lif(module):
    return nir.LIF(*(np.array(v) for v in (1e-2, 1.0, 0.0, 0.1, 0.0)))


class Step(nn.Module):
    """What comes before the neuron, and what comes after it."""

    def __init__(self, before, after):
        super().__init__()
        self.before, self.lif, self.after = before, LIF(), after

    def forward(self, x, state):
        z, state = self.lif(self.before(x), state)
        return self.after(z), state


def agree(model, shape, hidden):
    """The exported graph gives what the model gives, on every backend; the graph."""
    graph = torch_to_nir(model, {LIF: lif}, input_shape=shape, discretization=D)
    generator = torch.Generator().manual_seed(1)
    xs = 3 * torch.randn((40, 3, *shape), generator=generator, dtype=torch.float64)
    state, own = torch.zeros((3, *hidden), dtype=torch.float64), []
    with torch.no_grad():
        for x in xs:
            y, state = model(x, state)
            own.append(y)
    expected = torch.stack(own).numpy()
    assert 0 < expected.mean() < 1
    found, _ = nirx.from_nir(graph, backend="numpy", dtype="float64").run(xs.numpy())
    assert np.array_equal(found, expected)
    assert nirx.compare(graph, xs.numpy(), dtype="float64").agree
    return graph


def trained(norm, *shape):
    """With nontrivial running statistics and parameters."""
    norm = norm.double()
    generator = torch.Generator().manual_seed(2)
    for values in (*norm.parameters(), norm.running_mean, norm.running_var):
        drawn = torch.rand(values.shape, generator=generator, dtype=torch.float64)
        values.data.copy_(0.5 + drawn)
    return norm.eval()


@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_of_channels(affine):
    model = Step(trained(nn.BatchNorm2d(2, affine=affine)), nn.Identity())
    graph = agree(model, (2, 5, 4), (2, 5, 4))
    node = graph.nodes["before"]
    assert isinstance(node, nir.Conv2d)
    assert (node.groups, node.weight.shape) == (2, (2, 1, 1, 1))


@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_of_features(affine):
    model = Step(trained(nn.BatchNorm1d(6, affine=affine)), nn.Identity())
    graph = agree(model, (6,), (6,))
    assert isinstance(graph.nodes["before"], nir.Affine)


def test_batch_norm_is_computed_in_float64():
    """Its gain is worked out in float64 though the model is float32: eps is not lost."""
    norm = trained(nn.BatchNorm1d(3)).float()
    norm.running_var.fill_(1e-9)
    model = nn.Sequential(nn.Linear(2, 3), norm).eval()
    node = torch_to_nir(model).nodes["1"]
    gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    np.testing.assert_allclose(np.diag(node.weight), gain.detach().numpy(), rtol=1e-14)


@pytest.mark.parametrize(
    ("norm", "text"),
    [
        (nn.BatchNorm2d(2).train(), "0: BatchNorm2d with the statistics of its batch.*eval"),
        (nn.BatchNorm2d(2, track_running_stats=False).eval(), "track_running_stats=False"),
        (nn.BatchNorm1d(2).eval(), "has shape"),
        (nn.BatchNorm3d(2).eval(), "BatchNorm3d at 0 has no NIR node"),
    ],
)
def test_batch_norm_that_nir_cannot_express_is_refused(norm, text):
    with pytest.raises(nirx.NirxError, match=text):
        torch_to_nir(nn.Sequential(norm), input_shape=(2, 5, 2))


class Functional(nn.Module):
    def forward(self, x):
        return functional.max_pool2d(x, (2, 3), stride=(1, 2), padding=1)


POOLS = {
    "plain": nn.MaxPool2d(2),
    "stride": nn.MaxPool2d((3, 2), stride=(1, 2)),
    "padding": nn.MaxPool2d(3, 2, padding=1),
    "function": Functional(),
    "twice": nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(2, 1)),
}


@pytest.mark.parametrize(
    "name", ["plain", *(pytest.param(n, marks=pytest.mark.slow) for n in list(POOLS)[1:])]
)
def test_max_pooling_of_spikes(name):
    graph = agree(Step(nn.Identity(), POOLS[name]), (2, 6, 7), (2, 6, 7))
    assert not any("nirx_of_spikes" in (n.metadata or {}) for n in leaves(graph))


def leaves(graph):
    for node in graph.nodes.values():
        yield from leaves(node) if isinstance(node, nir.NIRGraph) else [node]


def test_max_pooling_of_no_spikes_gives_none_at_threshold_ge():
    """A sum of 0 does not spike where threshold="ge" either."""
    model = Step(nn.Identity(), nn.MaxPool2d(2))
    rule = nirx.Discretization(dt=1e-3, threshold="ge")
    graph = torch_to_nir(model, {LIF: lif}, input_shape=(1, 2, 2), discretization=rule)
    y, _ = nirx.from_nir(graph, backend="numpy").run(np.zeros((3, 1, 1, 2, 2), np.float32))
    assert not y.any()


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (nn.Sequential(nn.MaxPool2d(2)), D),
        (nn.Sequential(nn.Conv2d(2, 2, 1), nn.MaxPool2d(2)), D),
        (Step(nn.Identity(), nn.Sequential(nn.AvgPool2d(2), nn.MaxPool2d(2))), D),
        (Step(nn.Identity(), nn.MaxPool2d(2)), nirx.PRESETS["sinabs.LIF"]),
    ],
    ids=["input", "currents", "averages", "several spikes"],
)
def test_max_pooling_of_anything_but_spikes_is_refused(model, rule):
    with pytest.raises(nirx.UnsupportedError, match="the maximum over a window has no NIR node"):
        torch_to_nir(model, {LIF: lif}, input_shape=(2, 8, 8), discretization=rule)


def test_max_pooling_of_a_sum_of_spikes_is_refused():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.pool = LIF(), LIF(), nn.MaxPool2d(2)

        def forward(self, x, state):
            a, b = state
            z, a = self.a(x, a)
            y, b = self.b(-x, b)
            return self.pool(y + z), (a, b)

    with pytest.raises(nirx.UnsupportedError, match="pool: the maximum over a window"):
        torch_to_nir(Both(), {LIF: lif}, input_shape=(2, 8, 8), discretization=D)


def test_max_pooling_alone_is_refused():
    """Nothing is known of the input of a module that is exported by itself."""
    with pytest.raises(nirx.UnsupportedError, match="the maximum over a window has no NIR node"):
        torch_to_nir(nn.MaxPool2d(2), input_shape=(2, 8, 8))


@pytest.mark.parametrize(
    ("pool", "text"),
    [
        (nn.MaxPool2d(2, ceil_mode=True), "ceil_mode=True"),
        (nn.MaxPool2d(2, dilation=2), "dilation=2"),
        (nn.MaxPool2d(2, return_indices=True), "return_indices=True"),
    ],
)
def test_options_of_max_pooling_that_nir_cannot_express_are_refused(pool, text):
    with pytest.raises(nirx.UnsupportedError, match=f"after: MaxPool2d with {text}"):
        torch_to_nir(Step(nn.Identity(), pool), {LIF: lif}, input_shape=(2, 8, 8))
