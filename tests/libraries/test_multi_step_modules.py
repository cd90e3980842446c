"""SpikingJelly's and Norse's ways to run all time steps in forward: their own spikes.

Each model is exported as it is, run by its library over 100 steps, and by nirx from the graph.
"""

# The libraries are in .venv-libraries only, where these tests run.
# pyright: reportMissingImports=false

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import nirx
import nirx_torch
from support.over_time import assert_same_spikes, pulses

pytest.importorskip("spikingjelly.activation_based")
pytest.importorskip("norse.torch")


# -- SpikingJelly -------------------------------------------------------------------------------


class Jelly(nn.Module):
    """Convolution, neuron, pooling and Linear, in both step modes."""

    def __init__(self, run: Any, mode: str):
        super().__init__()
        pytest.importorskip("spikingjelly.activation_based")
        from spikingjelly.activation_based import functional, layer, neuron

        torch.manual_seed(0)
        self.conv, self.sn1 = layer.Conv2d(1, 3, 3, padding=1), neuron.IFNode(v_threshold=0.4)
        self.pool, self.flat = layer.AvgPool2d(2), layer.Flatten()
        self.fc, self.sn2 = layer.Linear(27, 5), neuron.LIFNode(tau=2.0, v_threshold=0.1)
        functional.set_step_mode(self, mode)
        self.run = run

    def forward(self, x):
        return self.run(self, x)

    def step(self, x):
        return self.sn2(self.fc(self.flat(self.pool(self.sn1(self.conv(x))))))


def jelly_loop(m, x_seq):
    return torch.stack([m.step(x_seq[t]) for t in range(x_seq.shape[0])])


def jelly_multi_step_forward(m, x_seq):
    from spikingjelly.activation_based import functional

    return functional.multi_step_forward(x_seq, (m.conv, m.sn1, m.pool, m.flat, m.fc, m.sn2))


def jelly_seq_to_ann(m, x_seq):
    from spikingjelly.activation_based import functional

    y = functional.multi_step_forward(functional.seq_to_ann_forward(x_seq, m.conv), m.sn1)
    y = functional.seq_to_ann_forward(y, [m.pool, m.flat, m.fc])
    return functional.multi_step_forward(y, m.sn2)


def jelly_merged(m, x_seq):
    y = m.sn1(m.conv(x_seq))
    y = m.fc(m.pool(y).flatten(2))
    return torch.stack([*m.sn2(y).unbind(0)])


def jelly_all_at_once(m, x_seq):
    steps, batch = x_seq.shape[:2]
    y = nn.functional.conv2d(x_seq.flatten(0, 1), m.conv.weight, m.conv.bias, padding=1)
    y = m.sn1(y.view(steps, batch, *y.shape[1:]))
    return m.sn2(m.fc(m.flat(m.pool(y))))


@pytest.mark.parametrize(
    ("run", "mode"),
    [
        (jelly_loop, "s"),
        (jelly_multi_step_forward, "s"),
        (jelly_seq_to_ann, "s"),
        (jelly_merged, "m"),
        (jelly_all_at_once, "m"),
    ],
)
def test_spikingjellys_ways_over_time(run, mode):
    model = Jelly(run, mode).eval()
    from spikingjelly.activation_based import functional

    from nirx_torch.bridges.spikingjelly import MODULE_MAP

    xs = pulses(1, 6, 6)
    with torch.no_grad():
        expected = model(xs)
    functional.reset_net(model)
    graph = assert_same_spikes(model, MODULE_MAP, xs, expected)
    kinds = [type(node).__name__ for node in graph.nodes.values()]
    assert kinds == ["Input", "Conv2d", "IF", "AvgPool2d", "Flatten", "Affine", "LIF", "Output"]


def test_containers_of_spikingjelly_in_a_forward():
    pytest.importorskip("spikingjelly.activation_based")
    from spikingjelly.activation_based import functional, layer, neuron

    from nirx_torch.bridges.spikingjelly import MODULE_MAP

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            head = nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(48, 10)
            self.head = layer.SeqToANNContainer(*head)
            self.body = layer.MultiStepContainer(neuron.LIFNode(tau=2.0, v_threshold=0.2))

        def forward(self, x_seq):
            return self.body(self.head(x_seq))

    model, xs = Net(), pulses(1, 6, 6)
    with torch.no_grad():
        expected = model(xs)
    functional.reset_net(model)
    assert_same_spikes(model, MODULE_MAP, xs, expected)


def test_the_firing_rate_of_spikingjelly_is_refused():
    from nirx_torch.bridges.spikingjelly import MODULE_MAP

    for run, mode in ((jelly_loop, "s"), (jelly_merged, "m")):
        model = Jelly(lambda m, x, run=run: run(m, x).mean(0), mode)
        with pytest.raises(nirx.UnsupportedError, match=r"mean .*return torch.stack"):
            nirx_torch.torch_to_nir(model, MODULE_MAP, input_shape=(1, 6, 6))


class Resets(nn.Module):
    def __init__(self, reset: Any):
        super().__init__()
        neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
        self.fc, self.sn = nn.Linear(6, 3), neuron.LIFNode(tau=2.0, v_threshold=0.2)
        self.reset = reset

    def forward(self, x):
        rows = []
        for x_t in x:
            self.reset(self)
            rows.append(self.sn(self.fc(x_t)))
        return torch.stack(rows)


def by_assignment(m):
    m.sn.v = 0.0


def by_a_function(m):
    from spikingjelly.activation_based import functional

    functional.reset_net(m.sn)


@pytest.mark.parametrize("reset", [by_assignment, by_a_function, lambda m: m.sn.reset()])
def test_a_reset_in_every_step_is_refused(reset):
    from nirx_torch.bridges.spikingjelly import MODULE_MAP

    with pytest.raises(nirx.UnsupportedError, match="the state of sn is changed or reset"):
        nirx_torch.torch_to_nir(Resets(reset), MODULE_MAP, input_shape=6)


# -- Norse --------------------------------------------------------------------------------------


class Norse(nn.Module):
    """Cells in a loop, or modules that take all steps."""

    def __init__(self, run: Any):
        super().__init__()
        norse = pytest.importorskip("norse.torch")
        torch.manual_seed(0)
        box = norse.LIFBoxParameters(v_th=torch.tensor(0.3))
        self.fc1, self.fc2 = nn.Linear(6, 20), nn.Linear(20, 4)
        self.cell1, self.cell2 = norse.LIFBoxCell(box), norse.LIFBoxCell(box)
        self.lift1 = norse.Lift(self.fc1)
        self.run = run

    def forward(self, x, state=None):
        return self.run(self, x, state)


def norse_loop(m, x, state):
    s1, s2 = (None, None) if state is None else state
    rows = []
    for ts in range(x.shape[0]):
        z, s1 = m.cell1(20 * m.fc1(x[ts]), s1)
        z, s2 = m.cell2(20 * m.fc2(z), s2)
        rows += [z]
    return torch.stack(rows), (s1, s2)


def norse_lifted(m, x, state):
    s1 = s2 = None
    rows = []
    for current in m.lift1(x):
        z, s1 = m.cell1(20 * current, s1)
        z, s2 = m.cell2(20 * m.fc2(z), s2)
        rows += [z]
    return torch.stack(rows), (s1, s2)


@pytest.mark.parametrize("run", [norse_loop, norse_lifted])
def test_cells_of_norse_in_a_loop(run):
    model = Norse(run)
    from nirx_torch.bridges.norse import MODULE_MAP

    xs = pulses(6)
    with torch.no_grad():
        expected, _ = model(xs)
    assert_same_spikes(model, MODULE_MAP, xs, expected)


def test_modules_of_norse_over_time_between_operations():
    norse = pytest.importorskip("norse.torch")
    from nirx_torch.bridges.norse import MODULE_MAP

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            parameters = norse.LIFParameters(v_th=torch.tensor(0.2))
            self.conv = norse.Lift(nn.Conv2d(1, 3, 3))
            self.lif, self.fc = norse.LIF(parameters), nn.Linear(48, 4)
            self.cell = norse.LIFCell(parameters)

        def forward(self, x):
            z, _ = self.lif(20 * self.conv(x))
            current, rows, state = 20 * self.fc(z.flatten(2)), [], None
            for t in range(len(current)):
                z, state = self.cell(current[t], state)
                rows.append(z)
            return torch.stack(rows)

    assert_same_spikes(Net(), MODULE_MAP, pulses(1, 6, 6))
