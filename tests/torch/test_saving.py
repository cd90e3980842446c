"""state_dict, pickle and deepcopy give an equal, independent network."""

from __future__ import annotations

import io

import pytest
import torch

import nirx_torch
from support.copies import COPIES


@pytest.fixture
def net(loop, rule):
    return nirx_torch.from_nir(loop, rule)


@pytest.fixture
def xs():
    return torch.rand((12, 2, 3), generator=torch.Generator().manual_seed(0))


def disturb(net: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.5)


def test_state_dict_restores_the_network_strictly(net, loop, rule, xs):
    expected = net.run(xs)[0]
    stream = io.BytesIO()
    torch.save(net.state_dict(), stream)
    stream.seek(0)
    other = nirx_torch.from_nir(loop, rule)
    disturb(other)
    assert not torch.equal(other.run(xs)[0], expected)
    other.load_state_dict(torch.load(stream, weights_only=True), strict=True)
    assert torch.equal(other.run(xs)[0], expected)


def test_state_dict_holds_the_parameters_and_nothing_else(net):
    assert set(net.state_dict()) == set(dict(net.named_parameters()))
    assert all(type(p) is torch.nn.Parameter for p in net.parameters())


def test_strict_loading_refuses_a_missing_parameter(net):
    state = net.state_dict()
    del state["lif.tau"]
    with pytest.raises(RuntimeError, match=r"lif\.tau"):
        net.load_state_dict(state)


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_equal_and_independent(how, net, xs):
    expected = net.run(xs)[0]
    other = COPIES[how](net)
    assert torch.equal(other.run(xs)[0], expected)
    disturb(other)
    assert not torch.equal(other.run(xs)[0], expected), "the copy runs with its own parameters"
    assert torch.equal(net.run(xs)[0], expected), "and the original with the old ones"
