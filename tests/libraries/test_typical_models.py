"""Models as the libraries' own tutorials build them, moved to another library."""

# The libraries are in .venv-libraries only, where these tests run.
# pyright: reportMissingImports=false

from __future__ import annotations

import pytest
import torch
from torch import nn

import nirx


def spikingjelly_csnn(mode):
    """Convolution, BatchNorm, IF, MaxPool, as its tutorial on convolutional SNNs has it."""
    pytest.importorskip("spikingjelly.activation_based")
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    torch.manual_seed(0)
    net = nn.Sequential(
        layer.Conv2d(1, 4, 3, padding=1, bias=False),
        layer.BatchNorm2d(4),
        neuron.IFNode(surrogate_function=surrogate.ATan()),
        layer.MaxPool2d(2, 2),
        layer.Conv2d(4, 4, 3, padding=1, bias=False),
        layer.BatchNorm2d(4),
        neuron.IFNode(surrogate_function=surrogate.ATan()),
        layer.MaxPool2d(2, 2),
        layer.Flatten(),
        layer.Linear(4 * 2 * 2, 6, bias=False),
        neuron.LIFNode(tau=2.0, v_threshold=0.2, detach_reset=True),
    )
    functional.set_step_mode(net, mode)
    xs = torch.randn(10, 4, 1, 8, 8)
    for _ in range(3):  # running statistics that are not the ones it starts with
        _ = net(xs) if mode == "m" else [net(x) for x in xs]
        functional.reset_net(net)
    return net.eval()


@pytest.mark.parametrize("mode", ["s", "m"])
def test_a_convolutional_network_of_spikingjelly(mode):
    model = spikingjelly_csnn(mode)
    moved = nirx.move(model, "snntorch", input_shape=(1, 8, 8), adapt=True)
    assert moved.source == "spikingjelly"
    assert moved.silent == ()
    assert moved.fidelity != "different"
    checked = {node.key for node in moved.from_source.nodes}
    assert {"1", "2", "3/output", "6", "10", "output"} <= checked


def test_containers_of_spikingjelly():
    pytest.importorskip("spikingjelly.activation_based")
    from spikingjelly.activation_based import layer, neuron

    torch.manual_seed(0)
    head = layer.SeqToANNContainer(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    body = layer.MultiStepContainer(neuron.LIFNode(tau=2.0), nn.Flatten())
    model = nn.Sequential(head, body, layer.SeqToANNContainer(nn.Linear(4 * 36, 5))).eval()
    before = [*model.named_modules()]
    moved = nirx.move(model, "norse", input_shape=(1, 8, 8))
    assert moved.silent == ()
    assert moved.fidelity != "different"
    assert {"0.0", "0.1", "2.0", "output"} <= {node.key for node in moved.from_source.nodes}
    assert [*model.named_modules()] == before


def test_lifted_layers_of_norse():
    norse = pytest.importorskip("norse.torch")
    torch.manual_seed(0)
    fc = nn.Linear(8, 20)
    model = norse.SequentialState(
        norse.Lift(fc), norse.LIF(), norse.Lift(nn.Linear(20, 5)), norse.LI()
    )
    moved = nirx.move(model, "snntorch")
    assert moved.silent == ()
    assert moved.fidelity != "different"
    assert {"0", "1", "2", "3", "output"} <= {node.key for node in moved.from_source.nodes}
    assert model[0].lifted_module is fc
