"""Shapes that a single node declares or implies, while its graph is still a draft."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx.dynamics.node_types import find_type
from nirx.dynamics.ops import Shape
from nirx.dynamics.parameters import NodeMismatch

__all__ = ["declared_input", "output_shape", "set_input_shape"]


def declared_input(node: Any) -> Shape | None:
    """The input shape that a node, or a graph with one Input, declares; None if it does not."""
    if isinstance(node, nir.NIRGraph):
        return _port_shape(node, nir.Input, "input")
    entry = find_type(type(node))
    if entry is None or entry.dynamics is None:
        return _declared(node, "input")
    try:
        shape = entry.dynamics.declared_shapes(node)[0]
    except NodeMismatch:
        return None
    # A parameter with a single element may merely broadcast.
    known = entry.dynamics.exact_shape or (shape is not None and np.prod(shape) > 1)
    return shape if known or shape == (1,) else None


def output_shape(node: Any, shape: Shape | None) -> Shape | None:
    """The output shape of a node whose input has the given shape; None where it is unknown."""
    if isinstance(node, nir.NIRGraph):
        return _port_shape(node, nir.Output, "output")
    entry = find_type(type(node))
    if entry is None:
        return _declared(node, "output") or shape
    if shape is None:
        return None
    try:
        return entry.infer_shape(node, shape)
    except NodeMismatch:
        return None  # the check of the whole graph reports it


def set_input_shape(node: Any, shape: Shape | None) -> None:
    """Fill in the input shape of a Flatten or a convolution that was built without one, and that
    of a graph whose ports have none and whose nodes keep the shape, such as a recurrent layer."""
    if shape is None:
        return
    if isinstance(node, nir.NIRGraph):
        ports = [n for n in node.nodes.values() if isinstance(n, nir.Input | nir.Output)]
        others = [n for n in node.nodes.values() if not isinstance(n, nir.Input | nir.Output)]
        keeps = all(output_shape(below, shape) == shape for below in others)
        if keeps and all(_declared(port, "input") is None for port in ports):
            for port in ports:
                port.input_type = {"input": np.array(shape)}
                port.output_type = {"output": np.array(shape)}
            for below in node.nodes.values():
                set_input_shape(below, shape)
    if isinstance(node, nir.Flatten) and _declared(node, "input") is None:
        node.input_type = {"input": np.array(shape)}
    if isinstance(node, nir.Conv1d) and node.input_shape is None and len(shape) == 2:
        node.input_shape = shape[-1]
    if isinstance(node, nir.Conv2d) and node.input_shape is None and len(shape) == 3:
        node.input_shape = shape[-2], shape[-1]


def _port_shape(graph: nir.NIRGraph, kind: type, key: str) -> Shape | None:
    ports = [n for n in graph.nodes.values() if isinstance(n, kind)]
    return _declared(ports[0], key) if len(ports) == 1 else None


def _declared(node: Any, key: str) -> Shape | None:
    types = getattr(node, f"{key}_type", None)
    value = types.get(key) if isinstance(types, dict) else None
    return None if value is None else tuple(int(n) for n in np.atleast_1d(value))
