"""A recurrent layer of a library as a NIR graph."""

# nir's annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

from itertools import pairwise
from typing import Any

import nir
import numpy as np

__all__ = ["feedback_graph"]


def feedback_graph(
    neuron: Any,
    feedback: Any,
    size: Any,
    weights: Any = None,
    name: str = "lif",
    delay: float | None = None,
) -> nir.NIRGraph:
    """input -> neuron -> output, with a feedback edge from the neuron to itself.

    Arguments:
        neuron: a neuron; its parameters are repeated to `size`.
        feedback: the node on the way back, called "recurrent".
        size: shape of the layer; None if only the layer before it tells, as where one number
            stands for all neurons.
        weights: a Linear or Affine before the neuron, called "in".
        name: name of the neuron.
        delay: of a Delay before the output.
    """
    shape = None if size is None else np.atleast_1d(np.array(size, int))
    if shape is not None:
        for key, value in vars(neuron).items():
            if isinstance(value, np.ndarray):
                setattr(neuron, key, np.broadcast_to(value, tuple(shape)).copy())
    takes = shape if weights is None else np.array(weights.weight.shape[1:])
    chain = {
        "input": nir.Input({"input": takes}),
        "in": weights,
        name: neuron,
        "recurrent": feedback,
        "delay": None if delay is None else nir.Delay(np.full(tuple(shape), delay)),
        "output": nir.Output({"output": shape}),
    }
    nodes = {key: node for key, node in chain.items() if node is not None}
    edges = list(pairwise(key for key in nodes if key != "recurrent"))
    loop = [(name, "recurrent"), ("recurrent", name)]
    at = edges.index(next(edge for edge in edges if edge[0] == name))
    return nir.NIRGraph(nodes, [*edges[:at], *loop, *edges[at:]], type_check=False)
