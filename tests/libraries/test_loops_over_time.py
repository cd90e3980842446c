"""Models that loop over time in forward, as the libraries' tutorials have them: their own spikes.

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
from support.over_time import STEPS, assert_same_spikes, pulses

pytest.importorskip("snntorch")


# -- snnTorch -----------------------------------------------------------------------------------


class Tutorial(nn.Module):
    """The network of snnTorch's tutorial 5, with its forward to be filled in."""

    def __init__(self, run: Any, **options: Any):
        super().__init__()
        snn = pytest.importorskip("snntorch")
        torch.manual_seed(0)
        self.fc1, self.fc2 = nn.Linear(6, 20), nn.Linear(20, 4)
        self.lif1 = snn.Leaky(beta=0.9, threshold=0.5, **options)
        self.lif2 = snn.Leaky(beta=0.8, threshold=0.3, **options)
        self.run, self.num_steps = run, STEPS

    def forward(self, x):
        return self.run(self, x)


def by_number(m, x):
    mem1, mem2 = m.lif1.init_leaky(), m.lif2.init_leaky()
    spk2_rec, mem2_rec = [], []
    for step in range(m.num_steps):
        cur1 = m.fc1(x[step])
        spk1, mem1 = m.lif1(cur1, mem1)
        cur2 = m.fc2(spk1)
        spk2, mem2 = m.lif2(cur2, mem2)
        spk2_rec.append(spk2)
        mem2_rec.append(mem2)
    return torch.stack(spk2_rec, dim=0)


def by_size(m, x):
    mem1, mem2 = m.lif1.reset_mem(), m.lif2.reset_mem()
    rows = []
    for step in range(x.size(0)):
        spk1, mem1 = m.lif1(m.fc1(x[step].flatten(1)), mem1)
        spk2, mem2 = m.lif2(m.fc2(spk1), mem2)
        rows += [spk2]
    return torch.stack(rows)


def by_iteration(m, x):
    mem1, mem2, rows = m.lif1.init_leaky(), m.lif2.init_leaky(), []
    for x_t in x:
        spk1, mem1 = m.lif1(m.fc1(x_t.view(x_t.size(0), -1)), mem1)
        spk2, mem2 = m.lif2(m.fc2(spk1), mem2)
        rows.append(spk2)
    return torch.stack(rows)


def by_unbinding(m, x):
    mem1, mem2, rows = m.lif1.init_leaky(), m.lif2.init_leaky(), []
    for number, x_t in enumerate(x.unbind(0)):
        spk1, mem1 = m.lif1(m.fc1(x_t), mem1)
        spk2, mem2 = m.lif2(m.fc2(spk1), mem2)
        assert number == len(rows)
        rows.append(spk2)
    return torch.stack(rows)


def layers_before_the_loop(m, x):
    mem1, mem2, rows = m.lif1.init_leaky(), m.lif2.init_leaky(), []
    currents = m.fc1(x)
    for step in range(len(currents)):
        spk1, mem1 = m.lif1(currents[step], mem1)
        rows.append(spk1)
    currents, rows = m.fc2(torch.stack(rows)), []
    for step in range(len(currents)):
        spk2, mem2 = m.lif2(currents[step], mem2)
        rows.append(spk2)
    return torch.stack(rows)


@pytest.mark.parametrize(
    "run", [by_number, by_size, by_iteration, by_unbinding, layers_before_the_loop]
)
def test_the_loop_of_snntorchs_tutorials(run):
    from nirx_torch.bridges.snntorch import MODULE_MAP

    graph = assert_same_spikes(Tutorial(run), MODULE_MAP, pulses(6))
    assert list(graph.nodes) == ["input", "fc1", "lif1", "fc2", "lif2", "output"]


def test_a_model_that_has_run_before_is_exported_too():
    from nirx_torch.bridges.snntorch import MODULE_MAP

    model, xs = Tutorial(by_size), pulses(6)
    with torch.no_grad():
        model(xs)
    before = model.lif1.mem.clone()
    assert_same_spikes(model, MODULE_MAP, xs)
    assert before.abs().sum() > 0


def batch_first(m, x):
    mem1, mem2, rows = m.lif1.init_leaky(), m.lif2.init_leaky(), []
    for t in range(x.shape[1]):
        spk1, mem1 = m.lif1(m.fc1(x[:, t, :]), mem1)
        spk2, mem2 = m.lif2(m.fc2(spk1), mem2)
        rows.append(spk2)
    return torch.stack(rows, dim=1)


def turned(m, x):
    mem1, mem2, rows = m.lif1.init_leaky(), m.lif2.init_leaky(), []
    for x_t in x.permute(1, 0, 2):
        spk1, mem1 = m.lif1(m.fc1(x_t), mem1)
        spk2, mem2 = m.lif2(m.fc2(spk1), mem2)
        rows.append(spk2)
    return torch.stack(rows).transpose(0, 1)


@pytest.mark.parametrize("run", [batch_first, turned])
def test_the_batch_may_come_first(run):
    from nirx_torch.bridges.snntorch import MODULE_MAP

    model, xs = Tutorial(run), pulses(6)
    with torch.no_grad():
        expected = model(xs.transpose(0, 1)).transpose(0, 1)
    assert_same_spikes(model, MODULE_MAP, xs, expected)


def constant_input(m, x):
    mem1, mem2, spk2_rec, mem2_rec = m.lif1.init_leaky(), m.lif2.init_leaky(), [], []
    for _ in range(m.num_steps):
        spk1, mem1 = m.lif1(m.fc1(x), mem1)
        spk2, mem2 = m.lif2(m.fc2(spk1), mem2)
        spk2_rec.append(spk2)
        mem2_rec.append(mem2)
    return torch.stack(spk2_rec, dim=0), torch.stack(mem2_rec, dim=0)


def constant_current(m, x):
    current, mem1, mem2, rows = m.fc1(x), m.lif1.init_leaky(), m.lif2.init_leaky(), []
    for _ in range(m.num_steps):
        spk1, mem1 = m.lif1(current, mem1)
        spk2, mem2 = m.lif2(m.fc2(spk1), mem2)
        rows.append(spk2)
    return torch.stack(rows), mem2


@pytest.mark.filterwarnings("ignore:.*kept as recordings:nirx.NirxWarning")
@pytest.mark.parametrize("run", [constant_input, constant_current])
def test_a_constant_input_is_the_input_of_every_step(run):
    from nirx_torch.bridges.snntorch import MODULE_MAP

    model, x = Tutorial(run), pulses(6)[0]
    with torch.no_grad():
        expected, _ = model(x)
    xs = x.expand(STEPS, *x.shape)
    if run is constant_current:  # its membrane is the state after the last step
        assert_same_spikes(model, MODULE_MAP, xs, expected)
        return
    with pytest.warns(nirx.NirxWarning, match=r"kept as recordings \('lif2.v'\)"):
        assert_same_spikes(model, MODULE_MAP, xs, expected)


def hidden(m, x):
    from snntorch import utils

    utils.reset(m)
    rows = [m.lif2(m.fc2(m.lif1(m.fc1(x[step])))) for step in range(x.size(0))]
    return torch.stack(rows)


def test_hidden_states_are_reset_before_the_loop():
    from nirx_torch.bridges.snntorch import MODULE_MAP

    model, xs = Tutorial(hidden, init_hidden=True), pulses(6)
    with torch.no_grad():
        model(xs)
    assert_same_spikes(model, MODULE_MAP, xs)


def reset_in_every_step(m, x):
    from snntorch import utils

    rows = []
    for x_t in x:
        utils.reset(m)
        rows.append(m.lif2(m.fc2(m.lif1(m.fc1(x_t)))))
    return torch.stack(rows)


def test_a_reset_in_every_step_is_refused():
    from nirx_torch.bridges.snntorch import MODULE_MAP

    model = Tutorial(reset_in_every_step, init_hidden=True)
    with pytest.raises(nirx.UnsupportedError, match=r"the state of lif1 is changed or reset"):
        nirx_torch.torch_to_nir(model, MODULE_MAP, input_shape=6)


def state_made_in_every_step(m, x):
    rows = []
    for x_t in x:
        spk1, _ = m.lif1(m.fc1(x_t), torch.zeros(x_t.size(0), 20))
        rows.append(spk1)
    return torch.stack(rows)


def test_a_state_that_starts_in_every_step_is_refused():
    from nirx_torch.bridges.snntorch import MODULE_MAP

    with pytest.raises(nirx.UnsupportedError, match=r"lif1 starts afresh in every step"):
        nirx_torch.torch_to_nir(Tutorial(state_made_in_every_step), MODULE_MAP, input_shape=6)


def rate(m, x):
    return by_size(m, x).mean(0)


def last(m, x):
    return by_size(m, x)[-1]


def last_spikes(m, x):
    mem1 = m.lif1.init_leaky()
    for x_t in x:
        spk1, mem1 = m.lif1(m.fc1(x_t), mem1)
    return spk1


@pytest.mark.parametrize("run", [rate, last, last_spikes])
def test_one_value_for_all_steps_is_refused_with_the_line(run):
    from nirx_torch.bridges.snntorch import MODULE_MAP

    message = r"test_loops_over_time.py:\d+.*return torch.stack of the outputs of all steps"
    with pytest.raises(nirx.UnsupportedError, match=message):
        nirx_torch.torch_to_nir(Tutorial(run), MODULE_MAP, input_shape=6)


@pytest.mark.parametrize("run", [by_number, batch_first], ids=lambda own: own.__name__)
def test_a_model_that_loops_is_moved_with_its_own_spikes(run):
    xs = pulses(6).numpy()
    moved = nirx.move(Tutorial(run), "torch", xs=xs)
    assert moved.from_source is not None
    assert moved.fidelity in ("exact", "rounding"), str(moved)
    assert {"lif1", "lif2", "output"} <= {node.key for node in moved.from_source.nodes}
