"""Networks of libraries' neurons with the surrogates of their nodes, and moves that carry them."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportMissingImports=false

from __future__ import annotations

import importlib
import warnings

import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest
import torch

import nirx
from nirx import surrogates
from nirx.bridging.bridge import find_bridge
from nirx.bridging.membrane import membrane_of
from nirx.graphs.metadata import SURROGATE_KEY, stored_surrogate
from support.graphs import chain, lif


def library(name):
    return pytest.importorskip(name, reason=f"{name} is installed by `make libraries` only")


TARGETS = {
    "snntorch": "snntorch.Leaky",
    "spikingjelly": "spikingjelly.LIFNode",
    "sinabs": "sinabs.LIF",
    "spyx": "spyx.LIF",
    "slax": "slax.LIF",
    "brainpy": "brainpy.LIF",
    "norse": "norse.LIFBoxCell",
}
OURS = {
    "fast": surrogates.fast_sigmoid(3, 0.5),
    "arctan": surrogates.arctan(3),
    "triangular": surrogates.triangular(1.0, 2),
    "sigmoid": surrogates.sigmoid(5, 1.0),
    "gaussian": surrogates.gaussian(0.4, center=0.1),
    "boxcar": surrogates.boxcar(0.8, 1.25),
}


def marked(own, rule, threshold=0.5, size=1):
    """A LIF that adds its input to v."""
    node = lif(size, tau=4 * rule.dt, v_threshold=threshold)
    node.r = node.r / membrane_of(node, rule).gain
    node.metadata[SURROGATE_KEY] = own.to_json()
    return chain({"lif": node}, size, size)


def slopes(graph, rule, backend, node_map=None, surrogate=None):
    """d(spike)/d(input of step 1), through no reset."""
    net = nirx.from_nir(graph, backend, rule, node_map=node_map, surrogate=surrogate)
    xs = np.zeros((2, 40, 1), np.float32)
    xs[0] = np.linspace(-1.9, 1.9, 40)[:, None]
    step = int(rule.output == "old")
    if backend == "torch":
        given = torch.from_numpy(xs).requires_grad_()
        return torch.autograd.grad(net.run(given)[0][step].sum(), given)[0].numpy()[0]
    return np.asarray(jax.grad(lambda x: net.run(x)[0][step].sum())(jnp.asarray(xs)))[0]


@pytest.mark.parametrize("own", OURS)
@pytest.mark.parametrize("target", TARGETS)
def test_a_librarys_neuron_has_the_surrogate_of_its_node(target, own):
    library(target)
    bridge, rule, own = find_bridge(target), nirx.PRESETS[TARGETS[target]], OURS[own]
    graph = marked(own, rule)
    lacks = target == "norse" and own not in (OURS["triangular"], OURS["sigmoid"])
    if lacks:
        with pytest.warns(nirx.NirxWarning, match="norse has no surrogate gradient"):
            slopes(graph, rule, bridge.backend, bridge.node_map)
        return
    theirs = slopes(graph, rule, bridge.backend, bridge.node_map)
    ours = slopes(graph, rule, bridge.backend)
    assert len(np.unique(ours)) > 1
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5 * np.abs(ours).max())


def torch_model(neuron):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 3), neuron)


def of_snntorch():
    import snntorch

    own = snntorch.surrogate.fast_sigmoid(7)
    return torch_model(snntorch.Leaky(0.9, spike_grad=own)), surrogates.fast_sigmoid(7)


def of_norse():
    import norse.torch as norse

    p = norse.LIFBoxParameters(method="triangle", alpha=torch.tensor(0.25))
    return norse.SequentialState(*torch_model(norse.LIFBoxCell(p))), surrogates.triangular(1, 0.25)


def of_spikingjelly():
    from spikingjelly.activation_based import neuron, surrogate

    cell = neuron.IFNode(surrogate_function=surrogate.PiecewiseExp(2.0))
    return torch_model(cell), surrogates.exponential(2.0, 1.0)


MOVES = [
    (of_snntorch, "snntorch", "spyx"),
    (of_snntorch, "snntorch", "torch"),
    (of_norse, "norse", "snntorch"),
    (of_spikingjelly, "spikingjelly", "sinabs"),
    (of_spikingjelly, "spikingjelly", "jax"),
]


@pytest.mark.parametrize(("build", "source", "target"), MOVES, ids=lambda v: str(v)[:12])
def test_a_move_carries_it_over(build, source, target, tmp_path):
    library(source)
    if target not in ("torch", "jax"):
        library(target)
    model, own = build()
    moved = nirx.move(model, target, adapt=True)
    for name, graph in (("a.nir", moved.original), ("b.nir", moved.graph)):
        nirx.write(tmp_path / name, graph)
        found = [stored_surrogate(n, "") for n in leaves(nirx.read(tmp_path / name))]
        assert [f for f in found if f] == [own]
    if target in ("torch", "jax"):
        assert moved.model.surrogates.usual == own
    else:
        exported = find_bridge(target).export(moved.model, None)
        assert [f for f in (stored_surrogate(n, "") for n in leaves(exported)) if f] == [own]


def leaves(graph):
    for node in graph.nodes.values():
        if isinstance(node, nir.NIRGraph):
            yield from leaves(node)
        else:
            yield node


def test_a_stranger_is_named_once_and_training_uses_superspike():
    snntorch = library("snntorch")
    own = importlib.import_module("snntorch.surrogate")
    model = torch_model(snntorch.Leaky(0.9, spike_grad=own.SFS()))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        moved = nirx.move(model, "torch")
    assert len(caught) == 1
    assert "no formula of the surrogate gradient SFS" in str(caught[0].message)
    assert moved.model.surrogates.usual == surrogates.superspike()


def test_thresholds_that_differ_scale_a_surrogate_where_one_number_does():
    library("spikingjelly")
    bridge, rule = find_bridge("spikingjelly"), nirx.PRESETS["spikingjelly.LIFNode"]
    graph = marked(surrogates.arctan(), rule, threshold=np.array([0.5, 0.7]), size=2)
    with pytest.warns(nirx.NirxWarning, match="no surrogate gradient arctan"):
        nirx.from_nir(graph, "torch", rule, node_map=bridge.node_map)
