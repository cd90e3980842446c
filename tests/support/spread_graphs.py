"""Networks and inputs that are spread over devices and processes."""

from __future__ import annotations

import nir
import numpy as np

import nirx
from support.graphs import chain, line, make_graph

__all__ = ["GRAPHS", "RULE", "convolutional", "driven", "looped"]

RULE = nirx.Discretization(dt=1.0)
WIDE = 16


def _weight(*shape: int) -> np.ndarray:
    random = np.random.default_rng(sum(shape))
    return (random.normal(size=shape) * 2 / np.sqrt(np.prod(shape[1:]))).astype("f4")


def _lif(*shape: int) -> nir.LIF:
    five, zero = np.full(shape, 5.0), np.zeros(shape)
    return nir.LIF(five, five, zero, zero + 0.5, zero)


def looped() -> nir.NIRGraph:
    """Two layers, the first with feedback through a wide product; every one spikes."""
    return make_graph(
        [*line("input", "fc", "a", "fc2", "b", "output"), *line("a", "back", "a")],
        np.array([4]),
        fc=nir.Affine(_weight(WIDE, 4), _weight(WIDE, 1)[:, 0]),
        a=_lif(WIDE),
        back=nir.Linear(0.25 * _weight(WIDE, WIDE)),
        fc2=nir.Affine(_weight(WIDE, WIDE), _weight(WIDE, 1)[:, 0]),
        b=_lif(WIDE),
        output=nir.Output({"output": np.array([WIDE])}),
    )


def convolutional() -> nir.NIRGraph:
    """A convolution, a pool and a readout."""
    nodes = {
        "conv": nir.Conv2d((8, 8), _weight(4, 2, 3, 3), 1, 0, 1, 1, _weight(4, 1)[:, 0]),
        "a": _lif(4, 6, 6),
        "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten({"input": np.array([4, 3, 3])}, 0, -1),
        "fc": nir.Linear(_weight(8, 36)),
        "li": nir.LI(np.full(8, 5.0), np.full(8, 5.0), np.zeros(8)),
    }
    return chain(nodes, (2, 8, 8), 8)


def _deep() -> nir.NIRGraph:
    """More neurons than one step fuses."""
    return chain({f"lif{n:02}": _lif(4) for n in range(10)}, 4, 4)


GRAPHS = {"looped": looped, "convolutional": convolutional, "deep": _deep}


def driven(graph: nir.NIRGraph, steps: int = 12, batch: int = 8) -> np.ndarray:
    """[time, batch, *features]; twice as large as makes neurons spike."""
    features = np.asarray(graph.nodes["input"].input_type["input"])
    return np.random.default_rng(1).random((steps, batch, *features)).astype("f4") * 2
