"""The residual blocks of SEW ResNet: sums, products and IAND of spikes of SpikingJelly."""

# pyright: reportMissingImports=false

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx

pytest.importorskip("spikingjelly", reason="spikingjelly is installed by `make libraries` only")

from spikingjelly.activation_based import functional, layer, neuron

from nirx_torch.bridges.spikingjelly import BRIDGE

STEPS, BATCH = 60, 2


def connected(x, y, name):
    """As `sew_function` of SpikingJelly's sew_resnet (which needs torchvision)."""
    if name == "ADD":
        return x + y
    return x * y if name == "AND" else x * (1.0 - y)


class Block(nn.Module):
    """As its BasicBlock: conv, neuron, conv, neuron, and the connection."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Sequential(
                layer.Conv2d(4, 4, 3, padding=1, bias=False),
                layer.BatchNorm2d(4),
                neuron.IFNode(v_threshold=0.4),
            )
            for _ in range(2)
        )
        self.name = name

    def forward(self, x):
        return connected(x, self.second(self.first(x)), self.name)


class Net(nn.Module):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.stem = nn.Sequential(layer.Conv2d(2, 4, 3, padding=1), neuron.IFNode(v_threshold=0.6))
        self.block = Block(name)
        self.fc = layer.Linear(4 * 5 * 5, 3)

    def forward(self, x):
        return self.fc(torch.flatten(self.block(self.stem(x)), 1))


@pytest.mark.parametrize("name", ["ADD", "AND", "IAND"])
def test_a_residual_block_of_spikes_is_exact(name: str):
    torch.manual_seed(0)
    model = Net(name).double().eval()
    graph = BRIDGE.export(model, (2, 5, 5))
    assert any(isinstance(n, nir.Threshold) for n in graph.nodes.values()) == (name != "ADD")
    xs = np.random.default_rng(0).uniform(-0.5, 1.5, (STEPS, BATCH, 2, 5, 5))
    functional.reset_net(model)
    with torch.no_grad():
        expected = torch.stack([model(x) for x in torch.from_numpy(xs)]).numpy()
    got = nirx.from_nir(graph, "numpy", dtype="float64").run(xs)[0]
    assert np.unique(expected.round(9)).size > 100
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
