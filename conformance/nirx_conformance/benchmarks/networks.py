"""Networks to measure, built in code: chains of weights and neurons, some with a loop."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import nir
import numpy as np

from nirx.dynamics.discretization import Discretization

__all__ = [
    "DISCRETIZATION",
    "DT",
    "LAYERS",
    "braille",
    "deep",
    "feed_forward",
    "images",
    "recurrent",
    "wide",
]

LAYERS = (700, 256, 256, 20)
"""700 channels in, 20 words out, as for spoken digits."""

DT = 1e-3
DISCRETIZATION = Discretization(dt=DT)
TAU = 0.016
"""Of every membrane: dt/tau is a power of two, which any order of a step multiplies exactly."""


def feed_forward(sizes: Sequence[int] = LAYERS, seed: int = 0, bias: float = 0.5) -> nir.NIRGraph:
    """Alternating Affine and LIF layers.

    Arguments:
        bias: of every neuron. It keeps activity from dying out in many layers: some 2 to 12 % of
            a layer's neurons spike in a step, also of the last one.
    """
    random = np.random.default_rng(seed)
    nodes: dict[str, Any] = {}
    for number, (into, out) in enumerate(itertools.pairwise(sizes), 1):
        nodes[f"fc{number}"] = nir.Affine(_weight(random, out, into), np.full(out, bias))
        nodes[f"lif{number}"] = _lif(out)
    return _chain(nodes, (sizes[0],), (sizes[-1],))


def recurrent(sizes: Sequence[int] = (128, 512, 20), seed: int = 0) -> nir.NIRGraph:
    """One hidden layer of LIF that feeds itself, and a layer of LIF behind it."""
    return _feeding_itself(_lif, sizes, seed)


def braille(sizes: Sequence[int] = (12, 38, 7), seed: int = 0) -> nir.NIRGraph:
    """As the NIR paper's Braille reader: CubaLIF, the hidden layer feeds itself."""
    return _feeding_itself(_cuba, sizes, seed)


def _feeding_itself(neurons: Callable[[int], Any], sizes: Sequence[int], seed: int) -> nir.NIRGraph:
    into, hidden, out = sizes
    random = np.random.default_rng(seed)
    nodes = {
        "fc1": nir.Linear(_weight(random, hidden, into)),
        "lif1": neurons(hidden),
        "fc2": nir.Linear(_weight(random, out, hidden)),
        "lif2": neurons(out),
    }
    return _chain(nodes, (into,), (out,), back=nir.Linear(_weight(random, hidden, hidden) / 4))


def wide(inputs: int = 100, neurons: int = 10_000, seed: int = 0) -> nir.NIRGraph:
    """One large layer of LIF."""
    return feed_forward((inputs, neurons), seed)


def deep(width: int = 64, layers: int = 200, seed: int = 0) -> nir.NIRGraph:
    """A chain of many small layers of LIF."""
    return feed_forward((width,) * (layers + 1), seed)


def images(
    shape: tuple[int, int, int] = (2, 34, 34),
    channels: Sequence[int] = (16, 16, 8),
    hidden: int = 256,
    classes: int = 10,
    seed: int = 0,
) -> nir.NIRGraph:
    """As the NIR paper's CNN for N-MNIST: stages of Conv2d, IF and SumPool2d, two linear layers.

    Arguments:
        shape: [channels, height, width] of an image of events.
        channels: of the stages; the first has stride 2 and no pool.
    """
    random = np.random.default_rng(seed)
    nodes: dict[str, Any] = {}
    before, *size = shape
    one, two, none = np.array([1, 1]), np.array([2, 2]), np.array([0, 0])
    for number, count in enumerate(channels, 1):
        first = number == 1
        weight = _weight(random, count, before * 9).reshape(count, before, 3, 3)
        steps, zeros = (two if first else one), np.zeros(count)
        nodes[f"conv{number}"] = nir.Conv2d(tuple(size), weight, steps, one, one, 1, zeros)
        size = [(n - 1) // int(steps[0]) + 1 for n in size]
        nodes[f"if{number}"] = _integrator(count, *size)
        if not first:
            nodes[f"pool{number}"] = nir.SumPool2d(two, two, none)
            size = [n // 2 for n in size]
        before = count
    nodes["flatten"] = nir.Flatten({"input": np.array([before, *size])}, 0, -1)
    features = before * size[0] * size[1]
    for number, (into, out) in enumerate(((features, hidden), (hidden, classes)), 1):
        nodes[f"fc{number}"] = nir.Linear(_weight(random, out, into))
        nodes[f"out{number}"] = _integrator(out)
    return _chain(nodes, shape, (classes,))


def _weight(random: np.random.Generator, out: int, into: int) -> np.ndarray:
    """Normal weights, rounded to multiples of 2^-10: products with spikes then have exact sums."""
    weight = random.standard_normal((out, into)) * (30.0 / np.sqrt(into))
    return (np.round(weight * 1024) / 1024).astype(np.float32)


def _lif(*shape: int) -> nir.LIF:
    one = np.ones(shape)
    return nir.LIF(tau=TAU * one, r=one, v_leak=0 * one, v_threshold=one, v_reset=0 * one)


def _cuba(*shape: int) -> nir.CubaLIF:
    one = np.ones(shape)
    own = {"v_leak": 0 * one, "v_threshold": one, "v_reset": 0 * one}
    return nir.CubaLIF(tau_syn=TAU / 4 * one, tau_mem=TAU * one, r=one, w_in=one, **own)


def _integrator(*shape: int) -> nir.IF:
    one = np.ones(shape)
    return nir.IF(r=one / (4 * DT), v_threshold=4 * one, v_reset=0 * one)


def _chain(
    nodes: dict[str, Any], into: tuple[int, ...], out: tuple[int, ...], back: Any = None
) -> nir.NIRGraph:
    """The nodes in a row; `back` leads from the first LIF back to it."""
    own = {"input": nir.Input({"input": np.array(into)}), **nodes}
    own["output"] = nir.Output({"output": np.array(out)})
    edges = list(itertools.pairwise(own))
    if back is not None:
        own["back"] = back
        edges += [("lif1", "back"), ("back", "lif1")]
    return nir.NIRGraph(own, edges, type_check=False)
