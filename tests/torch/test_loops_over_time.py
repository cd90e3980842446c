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
from support.torch_modules import RULE, Forward, Net, li, lif, linear, runs_on_both, samples


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


def plain(m, x):
    state, rows = None, []
    for x_t in x:
        y, state = m.n(m.a(x_t), state)
        rows.append(y)
    return torch.stack(rows)


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
        plain,
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

    def once(m, x):
        return m.n(m.a(x), None)

    try:
        expected = torch_to_nir(net(once), discretization=RULE)
    except nirx.NirxError as error:
        with pytest.raises(type(error)):
            torch_to_nir(net(both), discretization=RULE)
    else:
        graph = torch_to_nir(net(both), discretization=RULE)
        assert (list(graph.nodes), graph.edges) == (list(expected.nodes), expected.edges)
        assert graph.metadata == expected.metadata


# -- refused --------------------------------------------------------------------------------------


def body(change: Any, end: Any = torch.stack) -> Forward:
    """A loop whose step is a function of (module, input, state, number)."""

    def run(m, x):
        state, rows = None, []
        for step in range(x.size(0)):
            y, state = change(m, x, step, state)
            rows.append(y)
        return end(rows)

    return run


def another_factor(m, x, t, s):
    return m.n(m.a(x[t]) * (t + 1), s)


def another_layer(m, x, t, s):
    return m.n((m.a if t % 2 else m.b)(x[t]), s)


def a_later_change(m, x, t, s):
    return m.n(m.a(x[t]) if t < 3 else m.b(x[t]), s)


def the_step_ahead(m, x, t, s):
    return m.n(m.a(x[min(t + 1, 3)]), s)


def only_the_first_input(m, x, t, s):
    return m.n(m.a(x[0]) + m.b(x[t]), s)


def afresh(m, x, t, s):
    return m.n(m.a(x[t]), None)


def two_calls(m, x, t, s):
    y, s = m.n(m.a(x[t]), s)
    return m.n(m.b(y), s)


def skips_a_step(m, x, t, s):
    y, s = (m.a(x[t]), s) if t == 0 else m.n(m.a(x[t]), s)
    return y, s


def backwards(m, x):
    state, rows = None, []
    for x_t in reversed(list(x)):
        y, state = m.n(m.a(x_t), state)
        rows.append(y)
    return torch.stack(rows)


def returned_backwards(m, x):
    return torch.stack(list(plain(m, x))[::-1])


def shifted(m, x):
    state, rows = None, []
    for step in range(1, x.size(0)):
        y, state = m.n(m.a(x[step]), state)
        rows.append(y)
    return torch.stack(rows)


def every_second(m, x):
    state, rows = None, []
    for step in range(x.size(0)):
        y, state = m.n(m.a(x[step]), state)
        rows += [y] if step % 2 else []
    return torch.stack(rows)


def starts_from_the_input(m, x):
    y, rows = x[0], []
    for x_t in x:
        y = m.a(x_t) + m.r(y)
        rows.append(y)
    return torch.stack(rows)


def accumulated(m, x):
    state, total = None, 0
    for x_t in x:
        y, state = m.n(m.a(x_t), state)
        total = total + y
    return total


def last_of_the_loop(m, x):
    state = None
    for x_t in x:
        y, state = m.n(m.a(x_t), state)
    return y


def last_beside_all(m, x):
    rows = plain(m, x)
    return rows, rows[-1]


def a_layer_over_time(m, x):
    return nn.functional.avg_pool2d(plain(m, x), 2)


def neuron_over_all_steps(m, x):
    y = m.n(m.a(x), None)[0]
    return torch.stack([m.b(y_t) for y_t in y])


REFUSED: dict[str, tuple[Forward, str]] = {
    "a factor by number": (body(another_factor), "differ"),
    "a layer by number": (body(another_layer), "differ: a call of"),
    "a change after some steps": (body(a_later_change), "differ: a call of"),
    "the next step": (body(the_step_ahead), "step"),
    "the first input": (body(only_the_first_input), "2 time steps old"),
    "a neuron afresh": (body(afresh), "n starts afresh in every step"),
    "two steps in one": (body(two_calls), "differ|two steps in one"),
    "another first step": (body(skips_a_step), "differ"),
    "backwards": (backwards, "differ"),
    "returned backwards": (returned_backwards, "differ"),
    "a step left out": (shifted, r"stacks 3 values of 4|reads step"),
    "every second output": (every_second, "stacks 2 values of 4 time steps"),
    "a start that is an input": (starts_from_the_input, "differ"),
    "a sum": (accumulated, "returns a call of add"),
    "a mean": (lambda m, x: plain(m, x).mean(0), "applies mean to all time steps"),
    "a maximum": (lambda m, x: torch.max(plain(m, x), dim=0)[0], "applies max"),
    "a sum of a stack": (lambda m, x: plain(m, x).sum(dim=0), "applies sum"),
    "the last step": (last_of_the_loop, "returns a call of getitem"),
    "the last of all": (lambda m, x: plain(m, x)[-1], "the last step of a sequence only"),
    "the last beside all": (last_beside_all, "the last step of a sequence only"),
    "a part of the steps": (lambda m, x: plain(m, x)[1:], "indexes the time axis by a slice"),
    "pooling over time": (a_layer_over_time, "applies avg_pool2d to all time steps"),
    "one call for all steps": (neuron_over_all_steps, "one time step"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_loop_that_is_not_one_step_is_refused(name):
    run, message = REFUSED[name]
    with pytest.raises(nirx.UnsupportedError, match=message) as caught:
        torch_to_nir(net(run), discretization=RULE, input_shape=3)
    text = str(caught.value)
    assert "carry its state" in text or "return torch.stack" in text or "one time" in text


def test_the_line_is_named():
    for run in (body(another_factor), lambda m, x: plain(m, x).mean(0), last_of_the_loop):
        with pytest.raises(nirx.UnsupportedError, match=r"test_loops_over_time.py:\d+"):
            torch_to_nir(net(run), discretization=RULE, input_shape=3)


def test_a_module_that_is_called_outside_the_loop_is_refused():
    class Keeps(nn.Module):
        """State in itself, as in SpikingJelly."""

        def forward(self, x):
            return x

    def warmed_up(m, x):
        m.k(m.a(x[0]))
        return torch.stack([m.k(m.a(x_t)) for x_t in x])

    def loop(m, x):
        return torch.stack([m.k(m.a(x_t)) for x_t in x])

    node = lif().node
    for run, refused in ((loop, False), (warmed_up, True)):
        module = Net(run, a=linear(0), k=Keeps())
        if refused:
            with pytest.raises(nirx.UnsupportedError, match="k is called 5 times in 4 time steps"):
                torch_to_nir(module, {Keeps: lambda m: node}, input_shape=3)
        else:
            graph = torch_to_nir(module, {Keeps: lambda m: node}, input_shape=3)
            assert list(graph.nodes) == ["input", "a", "k", "output"]


def test_a_state_that_does_not_start_at_zero_warns():
    def run(m, x):
        v, rows = m.a.bias, []
        for x_t in x:
            y, v = m.n(m.a(x_t), v)
            rows.append(y)
        return torch.stack(rows)

    with pytest.warns(nirx.NirxWarning, match="does not start at zero"):
        torch_to_nir(net(run), discretization=RULE, input_shape=3)


def test_a_state_that_starts_at_an_unknown_number_is_refused():
    def run(m, x):
        v, rows = torch.rand(x.size(1), 3), []
        for x_t in x:
            y, v = m.n(m.a(x_t), v)
            rows.append(y)
        return torch.stack(rows)

    with pytest.raises(nirx.UnsupportedError, match="starts from a call of rand; start from None"):
        torch_to_nir(net(run), discretization=RULE, input_shape=3)


def test_too_few_steps_to_prove_anything():
    def two(m, x):
        y, s = m.n(m.a(x[0]), None)
        z, s = m.n(m.a(x[1]), s)
        return torch.stack([y, z])

    with pytest.raises(nirx.UnsupportedError, match="indexing"):
        torch_to_nir(net(two), discretization=RULE, input_shape=3)


def test_the_module_is_left_as_it_is():
    module = net(plain)
    before = {name: dict(vars(part)) for name, part in module.named_modules()}
    torch_to_nir(module, discretization=RULE, input_shape=3)
    after = {name: dict(vars(part)) for name, part in module.named_modules()}
    assert {k: list(v) for k, v in before.items()} == {k: list(v) for k, v in after.items()}
