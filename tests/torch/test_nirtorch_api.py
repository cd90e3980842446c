"""load and extract_nir_graph: the older API of nirtorch."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch


def full(value, size=2):
    return np.full(size, value, np.float32)


def graph():
    nodes = {
        "input": nir.Input(np.array([2])),
        "fc": nir.Affine(np.eye(2, dtype=np.float32), full(0.5)),
        "lif": nir.LIF(full(0.01), full(1), full(0), full(0.1), full(0)),
        "output": nir.Output(np.array([2])),
    }
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
    metadata = {"nirx_discretization": nirx.Discretization(dt=1e-3).to_json()}
    return nir.NIRGraph(nodes, edges, metadata=metadata)


class Sum(torch.nn.Module):
    def forward(self, x, state=None):
        total = x if state is None else state + x
        return total, total


def model_map(node):
    if isinstance(node, nir.Input | nir.Output):
        return torch.nn.Identity()
    if isinstance(node, nir.LIF):
        return Sum()
    return None


def test_load_takes_the_map_and_leaves_the_rest_to_nirx():
    with pytest.deprecated_call(match="nir_to_torch"):
        net = nirx_torch.load(graph(), model_map)
    y, state = net(torch.ones(3, 2))
    assert torch.equal(y, torch.full((3, 2), 1.5))
    y, _ = net(torch.ones(3, 2), state)
    assert torch.equal(y, torch.full((3, 2), 3.0))


def test_load_without_state_and_from_a_file(tmp_path):
    path = str(tmp_path / "g.nir")
    nirx.write(path, graph())
    with pytest.deprecated_call():
        net = nirx_torch.load(path, model_map, return_state=False)
    assert torch.equal(net(torch.ones(2)), torch.full((2,), 1.5))


def test_load_accepts_maps_that_raise_for_unknown_types():
    def picky(node):
        if isinstance(node, nir.LIF):
            return Sum()
        raise NotImplementedError(type(node))

    with pytest.deprecated_call():
        net = nirx_torch.load(graph(), picky)
    assert torch.equal(net(torch.ones(2))[0], torch.full((2,), 1.5))


def test_load_offers_whole_subgraphs_to_the_map():
    size = np.array([2])
    inner = graph()
    nodes = {"i": nir.Input(size), "sub": inner, "o": nir.Output(size)}
    outer = nir.NIRGraph(nodes, [("i", "sub"), ("sub", "o")])

    def whole(node):
        return Sum() if isinstance(node, nir.NIRGraph) else None

    with pytest.deprecated_call():
        net = nirx_torch.load(outer, whole)
    assert torch.equal(net(torch.ones(2))[0], torch.ones(2))


def test_load_refuses_anything_but_a_graph():
    with pytest.deprecated_call(), pytest.raises(nirx.InputError, match="got a Linear"):
        nirx_torch.load(nir.Linear(np.eye(2)), model_map)


def to_affine(module):
    if isinstance(module, torch.nn.Linear):
        return nir.Affine(module.weight, module.bias)
    return None


@pytest.mark.parametrize(
    ("shape", "ignored"), [((1, 3), None), ((1, 3), [0]), ((1, 7, 3), [0, -2]), ((1, 7, 3), [0, 1])]
)
def test_extract_a_single_layer(shape, ignored):
    layer = torch.nn.Linear(3, 2)
    with pytest.deprecated_call(match="torch_to_nir"):
        found = nirx_torch.extract_nir_graph(
            layer, to_affine, torch.ones(shape), ignore_dims=ignored
        )
    assert sorted(found.edges) == [("input", "model"), ("model", "output")]
    assert found.nodes["input"].input_type["input"].tolist() == [3]
    assert np.array_equal(found.nodes["model"].weight, layer.weight.detach())
    assert isinstance(found.nodes["model"].weight, np.ndarray)


def test_extract_a_convolutional_model():
    model = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3), torch.nn.AvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(36, 2)
    )
    x = torch.rand(1, 2, 8, 8)
    with pytest.deprecated_call():
        found = nirx_torch.extract_nir_graph(model, to_affine, x)
    assert list(found.nodes) == ["input", "0", "1", "2", "3", "output"]
    y, _ = nirx_torch.nir_to_torch(found)(x)
    torch.testing.assert_close(y, model(x))


def test_extract_with_further_arguments_of_forward():
    class Gain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(2, 2)

        def forward(self, x, gain):
            return self.fc(x) * gain

    model = Gain()
    x = torch.rand(4, 2)
    with pytest.deprecated_call():
        found = nirx_torch.extract_nir_graph(model, to_affine, x, model_fwd_args=[3.0])
    torch.testing.assert_close(nirx_torch.nir_to_torch(found)(x)[0], model(x, 3.0))


@pytest.mark.parametrize(
    "sample", [(torch.ones(3, 2), None), np.ones((3, 2)), None], ids=["tuple", "array", "None"]
)
def test_sample_data_is_one_tensor(sample):
    with (
        pytest.deprecated_call(),
        pytest.raises(nirx.InputError, match=r"sample_data is a .*; expected the tensor"),
    ):
        nirx_torch.extract_nir_graph(torch.nn.Linear(2, 2), lambda m: None, sample)
