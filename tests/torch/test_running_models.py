"""How a library's model is run step by step: its state, and that it starts fresh."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import torch_to_nir
from nirx_torch.bridges import running
from nirx_torch.bridges.running import run_steps, run_whole
from nirx_torch.over_time import loop_axis

XS = np.random.default_rng(0).random((6, 2, 3)).astype(np.float32)
WANTED = np.cumsum(XS, axis=0)


class Given(nn.Module):
    """The state is an argument, by any name."""

    def forward(self, x, state):
        v = x if state is None else state + x
        return v, v


class Optional(nn.Module):
    def forward(self, x, s=None):
        v = x if s is None else s + x
        return v, v


class Several(nn.Module):
    def forward(self, x, a, b):
        a = x if a is None else a + x
        b = 2 * x if b is None else b + 2 * x
        return a, a, b


class Nested(nn.Module):
    def forward(self, x, s_=None):
        a, b = (torch.zeros_like(x), torch.zeros_like(x)) if s_ is None else s_
        return a + x, (a + x, b)


class Options(nn.Module):
    """The argument is not state."""

    def __init__(self):
        super().__init__()
        self.v = torch.zeros(0)

    def forward(self, x, scale=1.0, mask=None):
        self.v = x * scale if not self.v.numel() else self.v + x * scale
        return self.v


class KeywordOnly(nn.Module):
    def forward(self, x, *, state=None):
        v = x if state is None else state + x
        return v, v


class OptionAndMembrane(nn.Module):
    """Its second result is not a new value of its option."""

    def __init__(self):
        super().__init__()
        self.v = None

    def forward(self, x, gain=1.0, trace=False):
        self.v = gain * x if self.v is None else self.v + gain * x
        return self.v, self.v + 1


class Pair(nn.Module):
    """Two outputs and no state."""

    def forward(self, x):
        return x.cumsum(0) * 0 + x, x


@pytest.mark.parametrize(
    "kind", [Given, Optional, Several, Nested, Options, KeywordOnly, OptionAndMembrane]
)
def test_the_state_goes_from_step_to_step(kind):
    found = run_steps(kind(), XS, "float32")
    np.testing.assert_allclose(found["output"], WANTED, rtol=1e-6)


def test_two_outputs_are_not_state():
    np.testing.assert_array_equal(run_steps(Pair(), XS, "float32")["output"], XS)


class Odd(nn.Module):
    def forward(self, x, a=None, b=None):
        return x, a


def test_an_unclear_state_is_refused():
    with pytest.raises(
        nirx.InputError, match="takes a, b and returns 2 values; expected one output"
    ):
        run_steps(Odd(), XS, "float32")


class Unpacks(nn.Module):
    def forward(self, x, state):
        a, b = state
        return a + x, (a, b)


def test_a_model_that_cannot_start_from_none_is_named():
    with pytest.raises(nirx.InputError, match=r"Unpacks itself raised TypeError.*state is None in"):
        run_steps(Unpacks(), XS, "float32")


class Keeps(nn.Module):
    """As in a training script: the state stands in an attribute."""

    def __init__(self, state):
        super().__init__()
        self.v = state

    def forward(self, x):
        v = self.v[0] if isinstance(self.v, tuple) else self.v
        v = x if v is None else v + x
        self.v = (v,) if isinstance(self.v, tuple) else v
        return v


class Around(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


@pytest.mark.parametrize("fresh", [None, torch.zeros(1), (torch.zeros(1),), torch.zeros(2, 3)])
def test_a_fresh_attribute_is_a_start(fresh):
    found = run_steps(Keeps(fresh), XS, "float32")
    np.testing.assert_allclose(found["output"], WANTED, rtol=1e-6)


class Dict(nn.Module):
    """The state is in a dict, which is replaced."""

    def __init__(self):
        super().__init__()
        self.kept = {"v": [None]}

    def forward(self, x):
        (v,) = self.kept["v"]
        v = x if v is None else v + x
        self.kept = {"v": [v]}
        return v


def test_nested_state_is_named_too():
    model = Dict()
    np.testing.assert_allclose(run_steps(model, XS, "float32")["output"], WANTED, rtol=1e-6)
    model(torch.ones(2, 3))
    with pytest.raises(nirx.InputError, match=r"self\.kept holds state of an earlier run"):
        run_steps(model, XS, "float32")


@pytest.mark.parametrize("state", [lambda v: v, lambda v: (v,), lambda v: {"a": [v]}])
def test_unused_state_of_a_training_run_does_not_matter(state):
    model = nn.Linear(3, 3, bias=False)
    torch.nn.init.eye_(model.weight)
    model.last = state(model(torch.ones(2, 3)))  # it has a gradient, so torch does not copy it
    np.testing.assert_array_equal(run_steps(model, XS, "float32")["output"], XS)


class Recast(nn.Module):
    """A constant that forward assigns again is not state."""

    def __init__(self):
        super().__init__()
        self.rest = torch.ones(3)

    def forward(self, x):
        self.rest = self.rest.to(x).clone()
        return x + self.rest


def test_a_constant_that_is_assigned_again_is_not_state():
    np.testing.assert_array_equal(run_steps(Recast(), XS, "float32")["output"], XS + 1)


@pytest.mark.parametrize("old", [torch.ones(2, 3), (torch.ones(2, 3),)])
def test_a_state_of_an_earlier_run_is_named(old):
    with pytest.raises(nirx.InputError, match=r"self\.inner\.v holds state of an earlier run"):
        run_steps(Around(Keeps(old)), XS, "float32")


def test_a_state_of_another_batch_is_named():
    text = r"Around itself raised RuntimeError: .*; self\.inner\.v may hold state of an earlier run"
    with pytest.raises(nirx.InputError, match=text):
        run_steps(Around(Keeps(torch.ones(5, 3))), XS, "float32")


def test_modules_that_the_library_resets_are_not_checked():
    found = run_steps(Keeps(torch.ones(2, 3)), XS, "float32", neurons=(Keeps,))
    np.testing.assert_allclose(found["output"], WANTED + 1, rtol=1e-6)


class Buffered(nn.Module):
    """A constant is not state, though it is not a parameter either."""

    def __init__(self):
        super().__init__()
        self.scale = torch.full((3,), 2.0)
        self.register_buffer("shift", torch.ones(3))

    def forward(self, x):
        return x * self.scale + self.shift


def test_constants_are_not_state():
    np.testing.assert_allclose(run_steps(Buffered(), XS, "float32")["output"], 2 * XS + 1)


def test_what_a_whole_run_raises_is_named():
    with pytest.raises(nirx.InputError, match=r"Linear itself raised RuntimeError.*another shape"):
        run_whole(nn.Linear(7, 2), XS, "float32")


class Loops(nn.Module):
    """All steps in one forward, along an axis of the input; the outputs as some model has them."""

    def __init__(self, axis, result):
        super().__init__()
        self.axis, self.result, self.same = axis, result, nn.Identity()

    def forward(self, xs):
        v, rows = torch.zeros(()), []
        for x in xs.unbind(self.axis):
            v = v + self.same(x)
            rows.append(v)
        return self.result(rows)


RESULTS = {
    "time first": torch.stack,
    "batch first": lambda rows: torch.stack(rows, dim=1),
    "list": list,
    "with states": lambda rows: (torch.stack(rows), torch.stack(rows)),
    "lists": lambda rows: (rows, rows),
}


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("steps", [6, 2])  # 2 is the size of the batch, too
def test_a_model_that_loops_over_time_is_called_once(axis, result, steps, monkeypatch):
    monkeypatch.setattr(running, "loop_axis", lambda model: axis)
    found = run_steps(Loops(axis, RESULTS[result]), XS[:steps], "float32")
    np.testing.assert_allclose(found["output"], WANTED[:steps], rtol=1e-6)
    np.testing.assert_array_equal(found["same"], XS[:steps])


def test_an_export_finds_out_where_time_is():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.whole = nn.Linear(3, 4), True

        def forward(self, xs):
            if not self.whole:
                return self.fc(xs)
            return torch.stack([self.fc(x) for x in xs.unbind(1)], dim=1)

    model = Loop()
    assert loop_axis(model) is None
    torch_to_nir(model, input_shape=(3,))
    assert loop_axis(model) == 1
    model.whole = False
    torch_to_nir(model, input_shape=(3,))
    assert loop_axis(model) is None


def test_a_loop_on_one_input_is_exported_but_not_run():
    class Repeats(nn.Module):
        def __init__(self):
            super().__init__()
            self.sums = Optional()

        def forward(self, x):
            state, rows = None, []
            for _ in range(5):
                y, state = self.sums(x, state)
                rows.append(y)
            return torch.stack(rows)

    model = Repeats()
    graph = torch_to_nir(model, {Optional: lambda sums: nir.I(np.ones(3))}, input_shape=(3,))
    assert list(graph.nodes) == ["input", "sums", "output"]
    with pytest.raises(nirx.InputError, match=r"the same input in each of its time steps.*export"):
        run_steps(model, XS, "float32")
