"""A JAX model of a library into NIR."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import nir
import numpy as np

from nirx.basics.type_map import TypeMap
from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.tracing.draft import Draft
from nirx.tracing.exporting import finalize_export
from nirx_jax.bridges.calling import calling
from nirx_jax.exporters import Exporters
from nirx_jax.jax_to_nir import jax_to_nir
from nirx_jax.net import Net
from nirx_jax.to_nir import to_nir

__all__ = ["as_shape", "chain_graph", "export_with"]

Named = Iterable[tuple[str, Any]]
"""Layers or nodes in the order of their calls, by their names in the graph."""


def as_shape(value: Any) -> Shape:
    """A shape from a number or numbers."""
    return tuple(int(n) for n in np.atleast_1d(value))


def export_with(module_map: TypeMap, model: Any, input_shape: Any = None) -> nir.NIRGraph:
    """The graph of a model, with the discretization that its modules define in the metadata.

    Arguments:
        module_map: the library's.
        model: a `Net`, an `equinox.Module` (one step of one sample), or an object of a type in
            the map.
        input_shape: shape of one sample, without batch and time; Equinox modules need it.
    """
    if isinstance(model, Net):
        return to_nir(model, module_map)
    kind = type(model).__name__
    exporters = Exporters(module_map, None)
    if not exporters.is_mapped(model):
        if isinstance(model, eqx.Module) and input_shape is None:
            raise InputError(f"{kind}: pass input_shape= (of one sample, without batch and time)")
        shape = () if input_shape is None else as_shape(input_shape)
        example = jax.ShapeDtypeStruct(shape, jax.numpy.zeros(()).dtype)
        with calling(kind, example.shape):
            return jax_to_nir(model, example, module_map, None)
    node = exporters.node_of(model, kind)
    if isinstance(node, nir.NIRGraph):
        return finalize_export(node, None)
    return chain_graph([(kind.lower(), node)], input_shape)


def chain_graph(nodes: Named, input_shape: Any = None) -> nir.NIRGraph:
    """The graph of a chain of nodes; None in the place of a node is skipped.

    **Raises**: `UnsupportedError`, `GraphError` for a chain that NIR cannot represent.
    """
    draft = Draft()
    value = draft.input("input", None if input_shape is None else as_shape(input_shape))
    for name, node in nodes:
        if node is not None:
            value = draft.node(name, copy.deepcopy(node), value)
    draft.output("output", value)
    return draft.build(None)
