"""Where a library's parameter has a NIR node, in words, for training and for the way back."""

from __future__ import annotations

import numpy as np
import pytest

import nirx
import nirx_torch
from nirx.bridging.membrane import Membrane, membrane_of
from nirx.bridging.ranges import decay, outside, positive, under
from support.graphs import chain
from support.toy_library import Cell, ToyNeuron, lif

EULER = nirx.Discretization(dt=1e-3)
EXPONENTIAL = nirx.Discretization(dt=1e-3, integrator="exponential")


class Ranged(ToyNeuron):
    ranges = (decay("keep"), positive("absent"))

    def membrane(self):
        return Membrane(self.cell.keep.numpy(), threshold=np.ones(()))  # pyright: ignore[reportCallIssue]


def ranged(node, rule):
    own = membrane_of(node, rule)
    return Ranged(Cell(own.keep), node, rule, gain=own.gain, start=[own.start])


def test_a_decay_may_be_0_under_euler_only():
    assert str(under(EULER, decay("beta"))) == "0 <= beta < 1"
    assert str(under(EXPONENTIAL, decay("beta"))) == "0 < beta < 1"
    assert str(under(EULER, positive("tau"))) == "0 < tau"
    values = np.array([0, 0.5, 1, -1, np.nan])
    assert under(EULER, decay("beta")).allows(values).tolist() == [True, True, False, False, False]


def test_what_is_outside_is_named_with_its_place():
    values = {"beta": np.array([[0.5, 0.5], [0.5, 1.5]]), "tau": np.array(0.0)}
    said = outside([decay("beta"), positive("tau")], values)
    assert said == "beta[1][1] is 1.5; expected 0 < beta < 1; tau is 0; expected 0 < tau"
    assert outside([decay("beta")], {"beta": np.array([0.5])}) == ""


def test_a_network_says_its_ranges_and_refuses_what_left_them():
    net = nirx_torch.from_nir(chain({"n": lif(4)}, 4), EULER, node_map={type(lif(4)): ranged})
    module = net.get_submodule("n")
    assert isinstance(module, Ranged)
    assert {k: str(own) for k, own in module.legal_ranges.items()} == {"keep": "0 <= keep < 1"}
    assert not list(net.parameters())  # gain, offset, shift, scale and start are no parameters
    module.cell.keep[2] = 1.5  # pyright: ignore[reportIndexIssue]
    with pytest.raises(nirx.UnsupportedError, match=r"keep\[2\] is 1.5; expected 0 <= keep < 1"):
        nirx_torch.to_nir(net)
