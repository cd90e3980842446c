"""Membranes that a model of a library returns: kept, and given back in the same structure."""

# The libraries are not in .venv, where types are checked.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

import json
from typing import Any

import jax
import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx.graphs.returns import RETURNS_KEY

snntorch = pytest.importorskip("snntorch")
norse = pytest.importorskip("norse.torch")
bridge = pytest.importorskip("nirx_torch.bridges.snntorch").BRIDGE
norse_bridge = pytest.importorskip("nirx_torch.bridges.norse").BRIDGE

pytestmark = pytest.mark.filterwarnings("ignore::nirx.NirxWarning")

STEPS, BATCH = 100, 3


class SnnTorch(nn.Module):
    """Two layers; states are arguments, as in snnTorch's tutorials."""

    def __init__(self, kind: Any, returned: Any, **options: Any):
        super().__init__()
        torch.manual_seed(0)
        self.fc1, self.fc2, self.returned = nn.Linear(5, 8), nn.Linear(8, 4), returned
        decays = {"alpha": 0.7, "beta": 0.8} if kind is snntorch.Synaptic else {"beta": 0.8}
        self.lif1, self.lif2 = kind(**decays, **options), kind(**decays, **options)

        self.synaptic = kind is snntorch.Synaptic

    def forward(self, x: torch.Tensor, state: Any = None) -> Any:
        if self.synaptic:
            a, b = state if state is not None else (self.lif1.reset_mem(), self.lif2.reset_mem())
            spk1, syn1, mem1 = self.lif1(self.fc1(x), a[0], a[1])
            spk2, syn2, mem2 = self.lif2(self.fc2(spk1), b[0], b[1])
            return self.returned(spk1, mem1, spk2, mem2), ((syn1, mem1), (syn2, mem2))
        a, b = state if state is not None else (self.lif1.reset_mem(), self.lif2.reset_mem())
        spk1, mem1 = self.lif1(self.fc1(x), a)
        spk2, mem2 = self.lif2(self.fc2(spk1), b)
        return self.returned(spk1, mem1, spk2, mem2), (mem1, mem2)


def both(spk1, first, spk2, second):
    return spk2, second


def named(spk1, first, spk2, second):
    return {"spk": spk2, "mem": second, "below": (spk1, first)}


def alone(spk1, first, spk2, second):
    return second


def as_numpy(tree: Any) -> Any:
    return nirx.state_to_numpy(tree)


def run_model(model: nn.Module, xs: np.ndarray) -> Any:
    """Time-major results in the structure of forward."""
    rows, state = [], None
    with torch.no_grad():
        for x in torch.from_numpy(xs):
            y, state = model(x, state)
            rows.append(y)
    flat = [jax.tree_util.tree_flatten(row) for row in rows]
    stacked = [torch.stack(parts) for parts in zip(*(leaves for leaves, _ in flat), strict=True)]
    return jax.tree_util.tree_unflatten(flat[0][1], stacked)


def drive(size: int = 5) -> np.ndarray:
    return 2 * np.random.default_rng(0).random((STEPS, BATCH, size)).astype(np.float32)


def assert_same(found: Any, expected: Any) -> None:
    a, form = jax.tree_util.tree_flatten(as_numpy(found))
    b, wanted = jax.tree_util.tree_flatten(as_numpy(expected))
    assert form == wanted
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, atol=2e-5)
        assert np.asarray(y).any()


KINDS = {
    "Leaky": (snntorch.Leaky, {}),
    "Leaky to zero": (snntorch.Leaky, {"reset_mechanism": "zero"}),
    "Leaky at once": (snntorch.Leaky, {"reset_mechanism": "zero", "reset_delay": False}),
    "Synaptic": (snntorch.Synaptic, {}),
}


@pytest.mark.parametrize("returned", [both, named, alone])
@pytest.mark.parametrize("kind", KINDS)
def test_snntorch(kind, returned):
    cls, options = KINDS[kind]
    model, xs = SnnTorch(cls, returned, **options), drive()
    graph = bridge.export(model, (5,))
    expected = run_model(model, xs)
    for backend in ("numpy", "torch", "jax"):
        given = torch.from_numpy(xs) if backend == "torch" else xs
        net = nirx.from_nir(graph, backend)
        with torch.no_grad():
            assert_same(net.run(given)[0], expected)
            y, _ = net(given[0])
        first = jax.tree_util.tree_map(lambda row: row[0], expected)
        form = jax.tree_util.tree_structure(as_numpy(y))
        assert form == jax.tree_util.tree_structure(first)


@pytest.mark.parametrize("target", ["torch", "jax", "snntorch", "sinabs", "spikingjelly"])
def test_a_moved_model_returns_them_too(target):
    model, xs = SnnTorch(snntorch.Leaky, both, reset_mechanism="zero", reset_delay=False), drive()
    moved = nirx.move(model, target, input_shape=(5,), adapt=True)
    torch_target = isinstance(moved.model, nn.Module)
    with torch.no_grad():
        found = moved.model.run(torch.from_numpy(xs) if torch_target else xs)[0]
    assert_same(found, run_model(model, xs))


def test_a_membrane_that_never_resets_is_an_li():
    model = SnnTorch(snntorch.Leaky, alone, reset_mechanism="none")
    graph = bridge.export(model, (5,))
    assert type(graph.nodes["lif2"]) is nir.LI
    assert RETURNS_KEY not in graph.metadata
    xs = drive()
    assert_same(nirx.from_nir(graph, "numpy").run(xs)[0], run_model(model, xs))


class Norse(nn.Module):
    def __init__(self, cell: Any, returned: Any):
        super().__init__()
        torch.manual_seed(1)
        self.fc, self.cell, self.returned = nn.Linear(5, 8), cell, returned

    def forward(self, x: torch.Tensor, state: Any = None) -> Any:
        z, new = self.cell(self.fc(x), state)
        return self.returned(z, new), new


@pytest.mark.parametrize("cell", ["LIFBoxCell", "LIFCell"])
def test_norse(cell):
    model, xs = Norse(getattr(norse, cell)(), lambda z, new: {"z": z, "v": new.v}), 10 * drive()
    graph = norse_bridge.export(model, (5,))
    assert json.loads(graph.metadata[RETURNS_KEY]) == {"z": "output", "v": "cell.v"}
    assert_same(nirx.from_nir(graph, "numpy").run(xs)[0], run_model(model, xs))


@pytest.mark.parametrize("returned", [lambda z, new: (z, new.i), lambda z, new: {"s": new}])
def test_a_current_of_norse_is_not_that_of_nir(returned):
    model = Norse(norse.LIFCell(), returned)
    with pytest.raises(nirx.UnsupportedError, match="'cell' that is not NIR's"):
        norse_bridge.export(model, (5,))


def test_a_membrane_is_trained_on_both_frameworks():
    """The gradient of a loss on the membrane is the same on torch and JAX."""

    import jax.numpy as jnp

    graph = bridge.export(SnnTorch(snntorch.Leaky, both), (5,))
    xs = drive()[:20]
    net = nirx.from_nir(graph, "torch", surrogate="arctan")
    (_, v), _ = net.run(torch.from_numpy(xs))
    (v**2).mean().backward()
    on_jax = nirx.from_nir(graph, "jax", surrogate="arctan")

    def loss(net):
        return jnp.mean(net.run(xs)[0][1] ** 2)

    grad = jax.grad(loss, allow_int=True)(on_jax)
    ours = np.asarray(grad.nodes["fc1"].weight)
    theirs = dict(net.named_parameters())["fc1.weight"].grad
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)
    assert np.abs(ours).max() > 1e-6
