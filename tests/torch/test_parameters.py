"""Parameters by name: in a rebuilt module, from the exported model, across backends."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 4)
        self.mix = torch.nn.Linear(4, 4, bias=False)

    def forward(self, x):
        y = self.fc(x)
        return y + self.mix(y)


def original():
    torch.manual_seed(3)
    return torch.nn.Sequential(Block(), torch.nn.Linear(4, 2))


def other():
    return {k: v + 1 for k, v in original().state_dict().items()}


def expected(x):
    model = original()
    model.load_state_dict(other())
    return model(x)


@pytest.mark.parametrize("subgraphs", [False, True])
def test_the_state_dict_of_the_exported_model_loads(subgraphs):
    net = nirx_torch.nir_to_torch(nirx_torch.torch_to_nir(original(), subgraphs=subgraphs))
    assert nirx_torch.load_parameters(net, other()) == []
    x = torch.rand(5, 3)
    torch.testing.assert_close(net(x)[0], expected(x))


@pytest.mark.parametrize("subgraphs", [False, True])
def test_strict_loading_if_the_names_are_the_same(subgraphs):
    net = nirx_torch.nir_to_torch(nirx_torch.torch_to_nir(original(), subgraphs=subgraphs))
    if subgraphs:
        net.load_state_dict(other(), strict=True)
        x = torch.rand(5, 3)
        torch.testing.assert_close(net(x)[0], expected(x))
    else:
        with pytest.raises(RuntimeError, match=r"0\.fc\.weight"):
            net.load_state_dict(other(), strict=True)


def test_a_convolution_without_bias_loads_strictly():
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3, bias=False))
    graph = nirx_torch.torch_to_nir(model, input_shape=(2, 5, 5))
    net = nirx_torch.nir_to_torch(graph)
    net.load_state_dict(model.state_dict(), strict=True)
    with torch.no_grad():
        net.get_submodule("0").bias += 1  # type: ignore[operator]
    with pytest.raises(RuntimeError, match="bias"):
        net.load_state_dict(model.state_dict(), strict=True)


def test_unknown_parameters_are_named_and_nothing_changes():
    net = nirx_torch.nir_to_torch(nirx_torch.torch_to_nir(original()))
    before = nirx_torch.parameters_to_numpy(net)
    values = {**other(), "0.fx.weight": torch.zeros(1)}
    with pytest.raises(
        nirx.InputError, match=r"1 of 6 .*'0.fx.weight'.*did you mean '0.fc.weight'"
    ):
        nirx_torch.load_parameters(net, values)
    with pytest.raises(nirx.InputError, match=r"'0.fc.weight' has shape \(1,\)"):
        nirx_torch.load_parameters(net, {"1.bias": torch.ones(2), "0.fc.weight": torch.zeros(1)})
    after = nirx_torch.parameters_to_numpy(net)
    assert all(np.array_equal(before[k], after[k]) for k in before)
    assert nirx_torch.load_parameters(net, values, strict=False) == ["0.fx.weight"]


def test_a_shared_module_takes_its_value_once_for_all_nodes():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(2, 2)

        def forward(self, x):
            return self.fc(self.fc(x))

    model = Twice()
    net = nirx_torch.nir_to_torch(nirx_torch.torch_to_nir(model))
    nirx_torch.load_parameters(net, {"fc.weight": 2 * torch.eye(2), "fc.bias": torch.zeros(2)})
    assert net(torch.ones(2))[0].tolist() == [4, 4]
    assert len(list(net.parameters())) == 2


def test_names_with_dots_and_nesting_stay_apart():
    size = np.array([1])

    def scale(value):
        return nir.Scale(np.array([value]))

    inner = nir.NIRGraph(
        {"i": nir.Input(size), "b": scale(2.0), "o": nir.Output(size)}, [("i", "b"), ("b", "o")]
    )
    graph = nir.NIRGraph(
        {"i": nir.Input(size), "a": inner, "a.b": scale(3.0), "o": nir.Output(size)},
        [("i", "a"), ("a", "a.b"), ("a.b", "o")],
    )
    net = nirx_torch.nir_to_torch(graph)
    assert set(nirx_torch.parameters_to_numpy(net)) == {"a/b.scale", "a.b.scale"}
    nirx_torch.load_parameters(net, {"a/b.scale": [5.0], "a.b.scale": [7.0]})
    values = nirx_torch.parameters_to_numpy(net)
    assert (values["a/b.scale"], values["a.b.scale"]) == (5.0, 7.0)


def test_parameters_cross_to_jax_and_back():
    nirx_jax = pytest.importorskip("nirx_jax")
    graph = nirx_torch.torch_to_nir(original(), subgraphs=True)
    net = nirx_torch.nir_to_torch(graph)
    nirx_torch.load_parameters(net, other())
    on_jax = nirx_jax.nir_to_jax(graph)
    moved = nirx_jax.load_parameters(on_jax, nirx_torch.parameters_to_numpy(net))
    x = torch.rand(5, 3)
    np.testing.assert_allclose(moved(x.numpy())[0], expected(x).detach(), rtol=1e-5)
    assert not np.allclose(on_jax(x.numpy())[0], moved(x.numpy())[0])  # the first is as it was
    assert nirx.same_graph(nirx_jax.to_nir(moved), nirx_torch.to_nir(net))
    back = nirx_torch.nir_to_torch(graph)
    nirx_torch.load_parameters(back, nirx_jax.parameters_to_numpy(moved))
    assert torch.equal(back(x)[0], net(x)[0])
    with pytest.raises(nirx.InputError, match="no place for 1 of 1"):
        nirx_jax.load_parameters(on_jax, {"9.weight": 1.0})
