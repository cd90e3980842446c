"""States that forward does not carry over to the next step: a warning or a refusal."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
from nirx_torch import torch_to_nir


class Leaky(torch.nn.Module):
    def forward(self, x, state=None):
        v = x if state is None else 0.5 * state + x
        return (v > 1).to(x.dtype), v


def leaky(module):
    one = np.ones(2)
    return nir.LI(one, one, 0 * one)


class Base(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.other, self.lif = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2), Leaky()


class NeverGiven(Base):
    def forward(self, x):
        return self.lif(self.fc(x))[0]


class Constant(Base):
    def forward(self, x):
        return self.lif(self.fc(x), torch.full((1, 2), 0.5))[0]


class NeverReturned(Base):
    def forward(self, x, state):
        return self.lif(self.fc(x), state)[0]


class TwoHeads(Base):
    def forward(self, x, state=None):
        return self.fc(x), self.other(x)


class Carried(Base):
    def forward(self, x, state=None):
        y, state = self.lif(self.fc(x), state)
        return y, state


def export(model):
    rule = nirx.Discretization(dt=0.5)
    return torch_to_nir(model, {Leaky: leaky}, discretization=rule)


def test_a_neuron_without_state_gives_a_warning():
    with pytest.warns(nirx.NirxWarning, match="lif gets no state in forward"):
        export(NeverGiven())


def test_a_constant_state_is_refused():
    with pytest.raises(nirx.UnsupportedError, match="lif starts every step from a nonzero state"):
        export(Constant())


def test_a_state_that_is_never_returned_is_refused():
    with pytest.raises(nirx.UnsupportedError, match=r"NeverReturned\.forward takes a state but"):
        export(NeverReturned())


def test_a_pair_without_a_state_argument_is_two_outputs():
    graph = export(TwoHeads())
    assert [n for n, node in graph.nodes.items() if isinstance(node, nir.Output)] == [
        "output_0",
        "output_1",
    ]
    assert ("other", "output_1") in graph.edges


def test_a_state_that_is_passed_on_is_exported_without_a_warning():
    assert export(Carried()).edges == [("input", "fc"), ("fc", "lif"), ("lif", "output")]


class Squash(torch.nn.Module):
    def forward(self, x):
        return torch.tanh(x)


def test_a_module_that_is_in_no_map_is_named():
    with pytest.raises(nirx.UnsupportedError, match=r"tanh at 1 .*1 is a Squash, which no map"):
        torch_to_nir(torch.nn.Sequential(torch.nn.Linear(2, 2), Squash()))


def test_the_error_for_a_loop_over_time_says_what_to_return():
    class Loop(Base):
        def forward(self, x):
            return [self.fc(row) for row in x][-1]

    with pytest.raises(
        nirx.UnsupportedError, match=r"returns a call of fc .*torch.stack"
    ) as caught:
        export(Loop())
    assert "concrete_args" not in str(caught.value)


def test_a_number_is_not_a_discretization():
    with pytest.raises(nirx.InputError, match="discretization is a float"):
        torch_to_nir(torch.nn.Sequential(torch.nn.Linear(2, 2)), discretization=1e-3)  # type: ignore[arg-type]
