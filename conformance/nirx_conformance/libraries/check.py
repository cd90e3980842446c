"""Checks of a bridge: the library's step against nirx's, and NIR -> library -> NIR."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from importlib import import_module
from typing import Any

import nir
import numpy as np

import nirx
from nirx.bridging.bridge import Bridge

__all__ = ["assert_bridged", "assert_same_steps"]


def assert_same_steps(
    graph: nir.NIRGraph,
    xs: np.ndarray,
    outputs: Mapping[str, Any],
    states: Mapping[str, Any] | None = None,
    dtype: str = "float64",
    atol: float = 1e-6,
    busy: bool = True,
) -> None:
    """Assert that a library's own run equals nirx's run of the graph exported from it.

    Arguments:
        graph: with its discretization in the metadata.
        xs: [time, batch, *features].
        outputs: of nodes in the library, by path; spikes have to be equal.
        states: state variables by record key (`"lif.v"`), within `atol`.
        busy: whether there must be some spikes but not everywhere.
    """
    record = [*outputs, *(states or {})]
    _, _, ours = nirx.from_nir(graph, "numpy", dtype=dtype).run(xs.astype(dtype), record=record)
    places = {place.name: place.type_name for place in nirx.schedule(graph).nodes}
    for key, theirs in outputs.items():
        theirs = np.asarray(theirs)
        if places[key].endswith("IF"):
            mismatches = int((theirs != ours[key]).sum())
            assert mismatches == 0, f"{key}: {mismatches} of {theirs.size} spikes differ"
            assert not busy or 0.005 < (theirs > 0).mean() < 0.95, (
                f"{key}: spikes almost never or almost always"
            )
        else:
            np.testing.assert_allclose(theirs, ours[key], rtol=0, atol=atol)
    for key, theirs in (states or {}).items():
        np.testing.assert_allclose(np.asarray(theirs), ours[key], rtol=0, atol=atol, err_msg=key)


def assert_bridged(
    bridge: Bridge,
    graph: nir.NIRGraph,
    discretization: nirx.Discretization,
    xs: np.ndarray,
    dtype: str = "float64",
    atol: float = 1e-9,
) -> None:
    """Assert that NIR -> library gives the exact executor's spikes, and -> NIR the same graph.

    **Raises**: `nirx.UnsupportedError` if the bridge refuses the graph.
    """
    options = {"dtype": dtype, "node_map": bridge.node_map}
    xs = xs.astype(dtype)
    given: Any = import_module("torch").from_numpy(xs) if bridge.backend == "torch" else xs
    with _x64(bridge, dtype):
        net = nirx.from_nir(graph, bridge.backend, discretization, **options)
        theirs = np.asarray(nirx.state_to_numpy(net.run(given)[0]))
        back = import_module(f"nirx_{bridge.backend}").to_nir(net)
    ours, _ = nirx.from_nir(graph, "numpy", discretization, dtype).run(xs)
    if hasattr(graph.nodes["neuron"], "v_threshold"):
        mismatches = int((theirs != ours).sum())
        assert mismatches == 0, f"{mismatches} of {ours.size} spikes differ"
        assert ours.any(), "no spikes: the input is too weak to test anything"
    else:
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=atol)
    assert nirx.same_graph(back, graph), "NIR -> library -> NIR changed the graph"


def _x64(bridge: Bridge, dtype: str) -> Any:
    if bridge.backend != "jax" or dtype != "float64":
        return nullcontext()
    return import_module("jax").enable_x64(True)
