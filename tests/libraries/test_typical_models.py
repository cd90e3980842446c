"""Models as the libraries' own tutorials build them, moved to another library."""

# The libraries are in .venv-libraries only, where these tests run.
# pyright: reportMissingImports=false

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
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


@pytest.mark.parametrize("gives", ["spikes", "spikes and membrane"])
def test_a_neuron_of_snntorch_that_gives_its_membrane_too(gives):
    snn = pytest.importorskip("snntorch")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(8, 16), nn.Linear(16, 4)
            self.lif1 = snn.Leaky(0.9, init_hidden=True, threshold=0.3)
            self.lif2 = snn.Leaky(0.8, init_hidden=True, output=True, threshold=0.2)

        def forward(self, x):
            spikes, membrane = self.lif2(self.fc2(self.lif1(self.fc1(x))))
            return spikes if gives == "spikes" else (spikes, membrane)

    torch.manual_seed(1)
    said = pytest.warns(nirx.NirxWarning, match=r"lif2\.v") if gives != "spikes" else nullcontext()
    with said:
        moved = nirx.move(Net(), "torch")
    assert moved.silent == ()
    assert moved.fidelity != "different"
    assert {"lif1", "lif2", "output"} <= {node.key for node in moved.from_source.nodes}


def test_a_network_of_sinabs_made_from_an_ann_knows_its_input():
    pytest.importorskip("sinabs")
    from sinabs.from_torch import from_model

    torch.manual_seed(0)
    ann = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 5), nn.ReLU()
    )
    options = {"input_shape": (2, 8, 8), "batch_size": 4}
    moved = nirx.move(from_model(ann, min_v_mem=None, **options), "torch")
    assert moved.silent == ()
    assert moved.fidelity != "different"
    with pytest.raises(nirx.UnsupportedError, match=r"min_v_mem=-1 has no NIR node.*from_model"):
        nirx.move(from_model(ann, **options), "torch")


def test_the_state_of_a_norse_model_may_have_any_name():
    norse = pytest.importorskip("norse.torch")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            parameters = norse.LIFParameters(v_th=torch.tensor(0.2))
            self.fc1, self.lif = nn.Linear(8, 16), norse.LIFCell(parameters)
            self.fc2, self.li = nn.Linear(16, 3), norse.LICell()

        def forward(self, x, s_=None):
            a, b = (None, None) if s_ is None else s_
            z, a = self.lif(self.fc1(x), a)
            v, b = self.li(self.fc2(z), b)
            return v, (a, b)

    torch.manual_seed(0)
    moved = nirx.move(Net(), "snntorch")
    assert moved.silent == ()
    assert moved.fidelity == "rounding"


def test_the_input_tells_the_shape_that_no_layer_tells():
    snn = pytest.importorskip("snntorch")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), snn.Leaky(0.9, init_hidden=True, threshold=0.1))
    xs = torch.rand(20, 3, 1, 6, 6, requires_grad=True)
    assert nirx.move(model, "torch", xs=xs).fidelity != "different"
    with pytest.raises(nirx.GraphError, match=r"nothing in the model determines.*--input-shape"):
        nirx.move(model, "torch")
    with pytest.raises(nirx.GraphError, match=r"the input has shape \(6,\)"):
        nirx.move(model, "torch", input_shape=6)
    with pytest.raises(nirx.InputError, match="NaN or infinity"):
        nirx.move(model, "torch", xs=np.full((3, 2, 1, 6, 6), np.nan))
