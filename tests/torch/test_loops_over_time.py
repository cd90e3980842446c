"""torch_to_nir: a forward that loops over time is its step; other loops are refused."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIncompatibleMethodOverride=false, reportOptionalMemberAccess=false
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import torch_to_nir
from support.torch_modules import (
    RULE,
    Forward,
    Net,
    Stepping,
    li,
    lif,
    linear,
    plain_loop,
    runs_on_both,
    samples,
)


def net(run: Forward) -> Any:
    layers = {"a": linear(0), "b": linear(1), "r": linear(2, False)}
    return Net(run, **layers, n=lif(), m=lif(), i=li()).double().eval()


def assert_is_its_step(run: Forward, axis: int = 0, shape: Any = (3,)) -> Any:
    """The graph gives over 12 steps what the module gives for all of them."""
    module, xs = net(run), samples(*shape)
    graph = torch_to_nir(module, discretization=RULE, input_shape=shape)
    with torch.no_grad():
        expected = module(xs.transpose(0, axis))
    expected = expected[0] if isinstance(expected, tuple) else expected
    expected = torch.stack(expected) if isinstance(expected, list) else expected
    expected = expected.transpose(0, axis).numpy()
    assert len(np.unique(expected.round(6))) > 1
    for found in runs_on_both(graph, xs):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
    return graph


def two_layers(m, x):
    s, t, rows = None, None, []
    for step in range(x.shape[0]):
        y, s = m.n(m.a(x[step]), s)
        z, t = m.i(m.b(y) + m.a(x[step]), t)
        rows.append(z)
    return torch.stack(rows, dim=0), (s, t)


def output_fed_back(m, x):
    y, s, rows = torch.zeros(x.shape[1], 3, dtype=x.dtype), None, []
    for x_t in x:
        y, s = m.n(m.a(x_t) + m.r(y), s)
        rows.append(y)
    return torch.stack(rows)


def output_fed_back_from_zeros_like(m, x):
    y, s, rows = torch.zeros_like(x[0]), None, []
    for x_t in x:
        y, s = m.n(m.a(x_t) + m.r(y), s)
        rows += [y.unsqueeze(0)]
    return torch.cat(rows)


def of_the_step_before(m, x):
    before, s, rows = 0.0, None, []
    for x_t in x:
        y, s = m.n(m.a(x_t), s)
        rows.append(m.b(y) + before)
        before = y
    return torch.stack(rows)


def inputs_of_two_steps(m, x):
    before, rows = None, []
    for x_t in x:
        before = torch.zeros_like(x_t) if before is None else before
        rows.append(m.a(x_t) + m.r(before))
        before = x_t
    return torch.stack(rows)


def states_in_a_list(m, x):
    states, rows = [None] * 2, []
    for x_t in x:
        for k, (layer, neuron) in enumerate([(m.a, m.n), (m.b, m.m)]):
            x_t, states[k] = neuron(layer(x_t), states[k])
        rows.append(x_t)
    return torch.stack(rows)


def by_select(m, x):
    state, rows = None, []
    for step in range(len(x)):
        y, state = m.n(m.a(torch.select(x, 0, step)), state)
        rows.append(y)
    return rows


def one_loop_per_layer(m, x):
    x, s, rows = m.a(x), None, []
    for x_t in x:
        y, s = m.n(x_t, s)
        rows.append(y)
    y, s, rows = m.b(torch.stack(rows)) + x, None, []
    for y_t in torch.unbind(y):
        z, s = m.m(y_t, s)
        rows.append(z)
    return 2 * torch.stack(rows)


def fixed_number(m, x):
    state, rows = None, []
    for step in range(12):
        y, state = m.n(m.a(x[step]), state)
        rows.append(y)
    return torch.stack(rows)


def first_step_by_number(m, x):
    rows = []
    for step in range(x.size(0)):
        if step == 0:
            state = None
        y, state = m.n(m.a(x[step]), state)
        rows.append(y)
    return torch.stack(rows)


@pytest.mark.parametrize(
    "run",
    [
        plain_loop,
        two_layers,
        output_fed_back,
        output_fed_back_from_zeros_like,
        of_the_step_before,
        inputs_of_two_steps,
        states_in_a_list,
        by_select,
        one_loop_per_layer,
        fixed_number,
        first_step_by_number,
    ],
)
def test_a_loop_over_time_is_its_step(run):
    assert_is_its_step(run)


def batch_first(m, x):
    state, rows = None, []
    for t in range(x.size(1)):
        y, state = m.n(m.a(x[:, t]), state)
        rows.append(y)
    return torch.stack(rows, 1)


def batch_first_unbound(m, x):
    state, rows = None, []
    for x_t in x.unbind(dim=1):
        y, state = m.n(m.a(x_t), state)
        rows.append(y)
    return torch.stack(rows, dim=1)


def batch_first_turned(m, x):
    state, rows = None, []
    for x_t in x.transpose(0, 1):
        y, state = m.n(m.a(x_t), state)
        rows.append(y)
    return torch.stack(rows).permute(1, 0, 2)


@pytest.mark.parametrize("run", [batch_first, batch_first_unbound, batch_first_turned])
def test_the_batch_may_be_the_first_axis(run):
    assert_is_its_step(run, axis=1)


def pictures(m, x):
    b, c, h, w = x.shape[1:]
    state, rows = None, []
    for x_t in x:
        y, state = m.n(m.a(x_t.reshape(b, c * h * w)), state)
        rows.append(y)
    return torch.stack(rows)


def pictures_merged(m, x):
    steps, batch = x.shape[0], x.shape[1]
    y = m.a(x.view(steps * batch, -1)).view(steps, batch, -1)
    state, rows = None, []
    for y_t in y:
        z, state = m.n(y_t, state)
        rows.append(z)
    return torch.stack(rows)


def pictures_flattened(m, x):
    state, rows = None, []
    for y_t in m.a(x.flatten(2)):
        z, state = m.n(y_t, state)
        rows.append(z)
    return torch.stack(rows)


@pytest.mark.parametrize("run", [pictures, pictures_merged, pictures_flattened])
def test_features_are_flattened_in_a_loop(run):
    assert_is_its_step(run, shape=(3, 1, 1))


class Own(nn.Module):
    """A neuron without an entry in a map, whose membrane is a variable of forward."""

    def __init__(self):
        super().__init__()
        self.fc = linear(0)

    def forward(self, x):
        v, rows = torch.zeros(x.shape[1], 3, dtype=x.dtype), []
        for x_t in x:
            v = 0.5 * v + self.fc(x_t)
            rows.append(v)
        return torch.stack(rows)


def test_a_leak_written_out_is_a_loop_of_the_graph():
    xs, module = samples(), Own()
    graph = torch_to_nir(module, input_shape=3, discretization=RULE)
    with torch.no_grad():
        expected = module(xs).numpy()
    for found in runs_on_both(graph, xs):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


class InAttributes(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.v = linear(0), None

    def forward(self, x):
        self.v, rows = torch.zeros_like(x[0]), []
        for x_t in x:
            self.v = 0.5 * self.v + self.fc(x_t)
            rows.append(self.v)
        return torch.stack(rows)


def test_a_state_in_an_attribute():
    xs, module = samples(), InAttributes()
    graph = torch_to_nir(module, input_shape=3, discretization=RULE)
    assert module.v is None
    with torch.no_grad():
        expected = module(xs).numpy()
    for found in runs_on_both(graph, xs):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def test_an_output_of_the_membrane_stays_one():
    """As with a forward of one step that returns (spikes, membrane)."""

    def both(m, x):
        v, rows, vs = None, [], []
        for x_t in x:
            y, v = m.n(m.a(x_t), v)
            rows.append(y)
            vs.append(v)
        return torch.stack(rows), torch.stack(vs)

    class Once(Stepping):
        def forward(self, x, state):
            y, v = self.n(self.a(x), state)
            return (y, v), v

    with pytest.warns(nirx.NirxWarning, match="kept as recordings"):
        graph = torch_to_nir(net(both), discretization=RULE)
    with pytest.warns(nirx.NirxWarning, match="kept as recordings"):
        once = torch_to_nir(Once(plain_loop, a=linear(0), n=lif()), discretization=RULE)
    assert (list(graph.nodes), graph.edges) == (list(once.nodes), once.edges)
    assert graph.metadata == once.metadata
