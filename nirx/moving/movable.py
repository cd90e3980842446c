"""`Movable`: a graph or a model, exported once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import nir

from nirx.bridging.bridge import Bridge, find_bridge, guess_bridge
from nirx.errors import InputError
from nirx.execution.assemble import load

__all__ = ["Movable", "is_graph", "open_model"]


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
    if is_graph(model):
        if source is not None or input_shape is not None:
            raise InputError(
                "source= (--from) and input_shape= (--input-shape) are for models; a graph needs "
                "neither"
            )
        return Movable(load(model))
    bridge = find_bridge(source or guess_bridge(model))
    return Movable(bridge.export(model, input_shape), model, bridge)


def is_graph(model: Any) -> bool:
    """Whether it is a graph or the path of one, and not a model."""
    return isinstance(model, nir.NIRGraph | str | os.PathLike)
