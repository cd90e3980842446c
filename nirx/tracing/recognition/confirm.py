"""`confirmed`: whether a neuron and a NIR node do the same, by running both."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import nir
import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx.dynamics.neuron_node import Neuron
from nirx.errors import NirxError, NirxWarning
from nirx.execution.backend import from_nir

__all__ = ["STEPS", "confirmed", "some_neurons"]

STEPS = 1000
MOST_NEURONS = 64
"""Neurons of a layer that are run; the algebra has looked at all of them."""

SIZES = np.array([0.5, 2.0, 8.0])
"""Sizes of the input, in multiples of what moves v by a threshold's size."""

TOLERANCE = 1e-9


def some_neurons(node: Neuron) -> tuple[Neuron, np.ndarray]:
    """A layer of some of a layer's neurons, and which they are in the common shape, raveled."""
    held = {**node.parameters, **{f"initial {k}": v for k, v in node.initial.items()}}
    shape = np.broadcast_shapes(*(np.shape(value) for value in held.values()))
    size = int(np.prod(shape))
    chosen = np.unique(np.linspace(0, size - 1, min(size, MOST_NEURONS)).round().astype(int))

    def some(arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
        whole = {k: np.broadcast_to(np.asarray(v, np.float64), shape) for k, v in arrays.items()}
        return {k: v.reshape(-1)[chosen] for k, v in whole.items()}

    return Neuron(node.step, some(node.parameters), some(node.initial)), chosen


def confirmed(
    neuron: Neuron,
    node: nir.NIRNode,
    rule: Discretization,
    states: Mapping[str, str],
    drive: np.ndarray,
) -> bool:
    """Whether both neurons give the same in float64.

    Arguments:
        neuron, node: layers of the same neurons.
        states: NIR's names of states -> those of the neuron.
        drive: an input that matters, for every neuron; 0 for one that has no input.

    Returns: False also where some neuron with an input never spikes.
    """
    sizes = SIZES[:, None] * drive
    xs = np.random.default_rng(0).uniform(-1.0, 3.0, (STEPS, *sizes.shape)) * sizes
    xs *= np.where(np.arange(STEPS) % 50 < 40, 1.0, 0.0)[:, None, None]  # lets v decay too
    ours, theirs = _run(neuron, rule, xs, states.values()), _run(node, rule, xs, states)
    if ours is None or theirs is None:
        return False
    spiking = hasattr(node, "v_threshold") or isinstance(node, nir.Threshold)
    (y, own), (other_y, other) = ours, theirs
    if spiking:
        seen = y.any((0, 1)) | (drive == 0)
        same = np.array_equal(y, other_y) and bool(seen.all())
    else:
        same = _close(y, other_y)
    return same and all(_close(own[states[name]], other[name]) for name in states)


def _run(node: Any, rule: Discretization, xs: np.ndarray, states: Any) -> Any:
    """Outputs and recordings by name, or None where a node cannot run."""
    shape = np.array(xs.shape[2:])
    ports = nir.Input({"input": shape}), nir.Output({"output": shape})
    nodes = {"input": ports[0], "n": node, "output": ports[1]}
    graph = nir.NIRGraph(nodes, [("input", "n"), ("n", "output")], type_check=False)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", NirxWarning)
            net = from_nir(graph, "numpy", rule, "float64", execution="plain")
            ys, _, found = net.run(xs, record=[f"n.{name}" for name in states])
    except NirxError:
        return None
    return ys, {name: found[f"n.{name}"] for name in states}


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two courses are equal, relative to the largest value of each neuron."""
    largest = np.maximum(np.abs(a).max((0, 1)), np.abs(b).max((0, 1)))
    return bool((np.abs(a - b) <= TOLERANCE * largest).all())
