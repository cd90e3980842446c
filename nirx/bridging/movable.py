"""`Movable`: a graph, the path of one, or a library's model, exported once.

`nirx.compare`, `reference`, `diagnose`, `verify` and `move` all take these.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from nirx.bridging.bridge import Bridge, find_bridge, guess_bridge
from nirx.errors import InputError
from nirx.execution.assemble import load

__all__ = ["Movable", "graph_of", "is_graph", "open_model", "sample_shape"]

NO_MODEL = int | float | complex | bytes | np.ndarray | None
"""Types that no library makes models of."""


@dataclass(frozen=True, eq=False)
class Movable:
    """A graph, and the model that it was exported from, if there is one.

    Arguments:
        graph: the graph to move.
        model, bridge: the model and the bridge of its library; None for a graph.
    """

    graph: nir.NIRGraph
    model: Any = None
    bridge: Bridge | None = None


def open_model(model: Any, source: str | None = None, input_shape: Any = None) -> Movable:
    """A model, exported once; the arguments are those of `move`.

    **Raises**: `GraphError`, `InputError`, `FileError`, `UnsupportedError`.
    """
    if isinstance(model, Movable):
        if source is not None or input_shape is not None:
            raise InputError("source= and input_shape= are for open_model")
        return model
    if is_graph(model):
        if source is not None or input_shape is not None:
            raise InputError(
                "source= (--from) and input_shape= (--input-shape) are for models; a graph needs "
                "neither"
            )
        return Movable(load(model))
    bridge = find_bridge(source or guess_bridge(model))
    return Movable(bridge.export(model, input_shape), model, bridge)


def graph_of(
    model: Any, source: str | None = None, input_shape: Any = None, xs: Any = None
) -> nir.NIRGraph:
    """The graph of whatever `nirx.move` takes. That of a model has the discretization of its
    library in the metadata.

    Arguments:
        model, source, input_shape: as in `move`.
        xs: the input, [time, batch, *features]; an array tells the shape of one sample of a
            model, if `input_shape` is None.

    **Raises**: `GraphError`, `InputError`, `FileError`, `UnsupportedError`.
    """
    if isinstance(model, NO_MODEL):
        return load(model)  # which refuses it
    return open_model(model, source, sample_shape(model, input_shape, xs)).graph


def sample_shape(model: Any, input_shape: Any, xs: Any) -> Any:
    """The shape of one sample: as given, else that of an array [time, batch, *features]."""
    known = input_shape is not None or isinstance(model, Movable) or is_graph(model)
    shape = getattr(xs, "shape", ())
    return input_shape if known or len(shape) < 3 else tuple(shape[2:])


def is_graph(model: Any) -> bool:
    """Whether it is a graph, a lone node or the path of a graph, and not a model."""
    return isinstance(model, nir.NIRNode | str | os.PathLike)
