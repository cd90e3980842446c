"""torch_to_nir: loops over time that are not one step are refused, with the line."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIncompatibleMethodOverride=false, reportOptionalMemberAccess=false
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import nirx
from nirx_torch import torch_to_nir
from support.torch_modules import RULE, Forward, Net, li, lif, linear, plain_loop


def net(run: Forward) -> Any:
    layers = {"a": linear(0), "b": linear(1), "r": linear(2, False)}
    return Net(run, **layers, n=lif(), m=lif(), i=li()).double().eval()


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
    return torch.stack(list(plain_loop(m, x))[::-1])


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
    rows = plain_loop(m, x)
    return rows, rows[-1]


def a_layer_over_time(m, x):
    return nn.functional.avg_pool2d(plain_loop(m, x), 2)


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
    "a mean": (lambda m, x: plain_loop(m, x).mean(0), "applies mean to all time steps"),
    "a maximum": (lambda m, x: torch.max(plain_loop(m, x), dim=0)[0], "applies max"),
    "a sum of a stack": (lambda m, x: plain_loop(m, x).sum(dim=0), "applies sum"),
    "the last step": (last_of_the_loop, "returns a call of getitem"),
    "the last of all": (lambda m, x: plain_loop(m, x)[-1], "the last step of a sequence only"),
    "the last beside all": (last_beside_all, "the last step of a sequence only"),
    "a part of the steps": (lambda m, x: plain_loop(m, x)[1:], "indexes the time axis by a slice"),
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
    for run in (body(another_factor), lambda m, x: plain_loop(m, x).mean(0), last_of_the_loop):
        with pytest.raises(nirx.UnsupportedError, match=r"test_refused_loops.py:\d+"):
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
    module = net(plain_loop)
    before = {name: dict(vars(part)) for name, part in module.named_modules()}
    torch_to_nir(module, discretization=RULE, input_shape=3)
    after = {name: dict(vars(part)) for name, part in module.named_modules()}
    assert {k: list(v) for k, v in before.items()} == {k: list(v) for k, v in after.items()}
