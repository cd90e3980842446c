"""Graphs and checks for the tests of bridges to SNN libraries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import nir
import numpy as np
import torch

import nirx
from nirx.bridging.bridge import Bridge
from nirx_conformance.libraries.check import assert_same_steps
from nirx_conformance.libraries.neurons import around, drive

__all__ = [
    "assert_gradients",
    "assert_graph_agrees",
    "assert_layers_agree",
    "assert_same_spikes",
    "changed",
    "on_a_grid",
    "scaled",
]


def changed(node: Any, **values: float) -> Any:
    """The node, with one value for all neurons in these parameters."""
    for name, value in values.items():
        setattr(node, name, np.full_like(node.r, value))
    return node


def on_a_grid() -> tuple[nir.NIRGraph, np.ndarray]:
    """An IF and input for dt=2**-10 whose every sum is exact, so that v often meets v_threshold."""
    graph = around(nir.IF(np.full(8, 1024.0), np.full(8, 1.0), np.zeros(8)))
    affine: Any = graph.nodes["fc"]
    affine.weight, affine.bias = (np.round(4 * a) / 8 for a in (affine.weight, affine.bias))
    return graph, np.round(drive(300))


def assert_same_spikes(
    net: Any, xs: np.ndarray, graph: nir.NIRGraph, rule: Any, dtype: str = "float64"
) -> None:
    """A network with a library's neurons has the spikes of the exact executor on a graph."""
    on_torch = isinstance(net, torch.nn.Module)
    given = torch.from_numpy(xs.astype(dtype)) if on_torch else xs
    with torch.no_grad():
        theirs = nirx.state_to_numpy(net.run(given)[0])
    ours, _ = nirx.from_nir(graph, "numpy", rule, dtype).run(xs.astype(dtype))
    assert int((theirs != ours).sum()) == 0


def assert_layers_agree(
    bridge: Bridge, model: Any, xs: np.ndarray, keys: Iterable[str], atol: float = 0.0
) -> None:
    """Every layer of a model is as busy in its library as in nirx, and agrees within 1e-6.

    Arguments:
        keys: names of the layers.
        atol: tolerance of the output.
    """
    keys = list(keys)
    graph, theirs = bridge.export(model, xs.shape[2:]), bridge.run(model, xs, "float64")
    assert {*keys, "output"} <= theirs.keys()
    ys, _, ours = nirx.from_nir(graph, "numpy", dtype="float64").run(xs, record=keys)
    for key in keys:
        assert theirs[key].any()
        np.testing.assert_allclose(theirs[key], ours[key], rtol=0, atol=1e-6, err_msg=key)
    np.testing.assert_allclose(theirs["output"], ys, rtol=0, atol=atol)


def assert_graph_agrees(
    graph: nir.NIRGraph,
    xs: np.ndarray,
    outputs: dict[str, np.ndarray],
    atol: float = 1e-6,
    at_output: float = 1e-6,
) -> None:
    """The graph of a model gives the outputs of the model's own run, layer by layer.

    Arguments:
        outputs: from `Bridge.run`; spikes have to be equal, other values within `atol`, and those
            of the model itself within `at_output`.
    """
    layers = {name: row for name, row in outputs.items() if name != "output"}
    dtype = str(outputs["output"].dtype)
    assert_same_steps(graph, xs, layers, dtype=dtype, atol=atol, busy=False)
    ours, _ = nirx.from_nir(graph, "numpy", dtype=dtype).run(xs.astype(dtype))
    np.testing.assert_allclose(outputs["output"], ours, rtol=0, atol=at_output)


def scaled(net: Any, **factors: float) -> Any:
    """A network on JAX, with parameters of its library's "neuron" multiplied."""
    for name, factor in factors.items():
        where = lambda n, name=name: n.nodes["neuron"].arrays[name]  # noqa: E731
        net = eqx.tree_at(where, net, factor * where(net))
    return net


def assert_gradients(net: Any, *names: str) -> None:
    """Gradients of a network on JAX reach parameters of its library's "neuron"."""
    xs = drive(20).astype("float32")
    slope = eqx.filter_grad(lambda n: n.run(xs)[0].mean())(net)
    for name in names:
        own = np.asarray(slope.nodes["neuron"].arrays[name])
        assert np.isfinite(own).all()
        assert own.any()
