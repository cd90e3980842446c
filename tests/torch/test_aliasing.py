"""Graph, input and state of the caller are never changed; two networks share no memory."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

import copy

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from support.graphs import chain


def copies(graph: nir.NIRGraph) -> dict[str, dict[str, np.ndarray]]:
    return {
        name: {k: np.array(v) for k, v in vars(node).items() if isinstance(v, np.ndarray)}
        for name, node in graph.nodes.items()
    }


@pytest.mark.slow
def test_a_training_step_leaves_the_graph_alone(loop, rule):
    before = copies(loop)
    net = nirx_torch.from_nir(loop, rule)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net.run(torch.ones(9, 3))[0].sum().backward()
    optimizer.step()
    assert not torch.equal(net.fc.bias, torch.from_numpy(loop.nodes["fc"].bias))
    after = copies(loop)
    for name, arrays in before.items():
        assert arrays.keys() == after[name].keys()
        for key, array in arrays.items():
            assert np.array_equal(array, after[name][key]), (name, key)


def test_changing_the_graph_leaves_the_network_alone(loop, rule):
    net = nirx_torch.from_nir(loop, rule)
    before = net.fc.bias.clone()
    loop.nodes["fc"].bias[:] = 7
    assert torch.equal(net.fc.bias, before)


def test_two_networks_of_one_graph_share_nothing(loop, rule):
    a, b = nirx_torch.from_nir(loop, rule), nirx_torch.from_nir(loop, rule)
    with torch.no_grad():
        for parameter in a.parameters():
            parameter.zero_()
    assert all(p.abs().sum() > 0 for p in b.parameters())


def test_one_node_twice_in_a_graph_gives_two_sets_of_parameters(rule):
    scale = nir.Scale(np.full(1, 2.0, np.float32))
    net = nirx_torch.from_nir(chain({"a": scale, "b": scale}, 1, 1), rule)
    with torch.no_grad():
        net.a.scale.fill_(5)
    assert net.b.scale.item() == 2.0


def test_input_and_state_are_not_mutated(loop, rule):
    net = nirx_torch.from_nir(loop, rule)
    xs = torch.rand((6, 2, 3), generator=torch.Generator().manual_seed(2))
    _, state = net.run(xs)
    xs_before, state_before = xs.clone(), copy.deepcopy(nirx.state_to_numpy(state))
    keys = {k: list(v) for k, v in state.items()}
    net.run(xs, state)
    net(xs[0], state)
    assert torch.equal(xs, xs_before)
    assert keys == {k: list(v) for k, v in state.items()}
    after = nirx.state_to_numpy(state)
    assert np.array_equal(after["lif"]["v"], state_before["lif"]["v"])
    assert np.array_equal(after["li"]["v"], state_before["li"]["v"])
    assert np.array_equal(after["lif"]["feedback"]["w"], state_before["lif"]["feedback"]["w"])


def test_a_delay_does_not_write_into_the_state_it_was_given(rule):
    graph = chain({"d": nir.Delay(np.array([2e-3, 3e-3]))}, 2, 2)
    net = nirx_torch.from_nir(graph, rule)
    state = {"d": {"buffer": torch.arange(6.0).reshape(3, 2)}}
    ys, _ = net.run(torch.full((4, 2), 9.0), state)
    assert ys.tolist() == [[2.0, 1.0], [4.0, 3.0], [9.0, 5.0], [9.0, 9.0]]
    assert torch.equal(state["d"]["buffer"], torch.arange(6.0).reshape(3, 2))


def test_a_run_without_gradients_gives_the_same_numbers(loop, rule):
    net = nirx_torch.from_nir(loop, rule)
    xs = torch.ones(9, 3)
    with torch.no_grad():
        quiet, state = net.run(xs)
    loud, _ = net.run(xs)
    assert torch.equal(quiet, loud)
    assert (quiet.requires_grad, loud.requires_grad) == (False, True)
    assert not state["lif"]["v"].requires_grad
    with torch.inference_mode():
        assert torch.equal(net.run(xs)[0], loud)
