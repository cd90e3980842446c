"""A spyx Sequential: its layers in turn, as a NIR graph and over time."""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import nir
import numpy as np
from flax import nnx
from spyx import nn as spyx

from nirx.basics.find_exporter import find_exporter
from nirx.basics.type_map import ABSENT, TypeMap
from nirx.dynamics.ops import Shape
from nirx.errors import UnsupportedError
from nirx.tracing.draft import Draft
from nirx_jax.bridges.axes import channels_first, channels_last, flattened_node, unshuffled
from nirx_jax.bridges.calling import calling
from nirx_jax.bridges.exporting import as_shape
from nirx_jax.bridges.running import OUTPUT, run_scan
from nirx_jax.bridges.spyx_cells import cell_node, is_cell
from nirx_jax.exporters import Exporters

__all__ = ["is_chain", "layers_of", "run_layers", "sequential_graph"]

Named = Iterable[tuple[str, Any]]

RECURRENT = (spyx.RIF, spyx.RLIF, spyx.RCuBaLIF)


CHAINS: Any = dict.fromkeys((nnx.Sequential, spyx.Sequential))


def is_chain(model: Any) -> bool:
    """Whether a module calls its layers in turn, as subclasses of Sequential need not."""
    return find_exporter(type(model), CHAINS) is not ABSENT


def layers_of(model: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """The layers by their names in the graph: 0, 1, 2.0, 2.1 ..., or the type of a lone layer."""
    if not is_chain(model):
        return [(prefix or type(model).__name__.lower(), model)]
    start = f"{prefix}." if prefix else ""
    return [pair for k, part in enumerate(model.layers) for pair in layers_of(part, f"{start}{k}")]


def sequential_graph(module_map: TypeMap, layers: Named, input_shape: Any = None) -> nir.NIRGraph:
    """The graph of a chain of layers.

    Arguments:
        input_shape: shape of one sample, without batch and time, the channels first.
    """
    exporters, draft = Exporters(module_map, None), Draft()
    value = draft.input("input", None if input_shape is None else as_shape(input_shape))
    shuffled: Shape | None = None  # shape of features that were flattened with the channels last
    for name, layer in layers:
        own = is_cell(layer, module_map)
        node = cell_node(layer, name, value.shape) if own else exporters.node_of(layer, name)
        if node is None:
            continue
        if shuffled is not None:
            node = flattened_node(node, shuffled, name)
        shuffled = _after(node, value.shape, shuffled, name)
        value = draft.node(name, node, value)
    draft.output("output", value)
    return draft.build(None)


def _after(node: Any, shape: Shape | None, shuffled: Shape | None, name: str) -> Shape | None:
    if isinstance(node, nir.Affine | nir.Linear):
        if shape is not None and len(shape) > 1:
            raise UnsupportedError(
                f"{name}: a Linear on features of shape {shape} acts on the channels only, NIR's "
                "on the last axis; flatten before it"
            )
        return None
    if not isinstance(node, nir.Flatten):
        return shuffled
    if shape is None:
        raise UnsupportedError(
            f"{name}: nothing tells the shape that it flattens; pass input_shape="
        )
    return shape if len(shape) > 1 else None


def run_layers(model: Any, xs: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of all layers, and that of `spyx.nn.run` for the model, with the channels first.

    Arguments:
        xs: [time, batch, *features] with the channels first.
    """
    layers = layers_of(model)
    given = jnp.asarray(channels_last(xs, xs.ndim - 2))
    batch = given.shape[1]

    def step(x: Any, state: Any) -> Any:
        rows, after = {}, []
        for (name, layer), own in zip(layers, state, strict=True):
            x, own = (layer(x), None) if own is None else layer(x, own)
            after.append(own)
            rows[name] = x
        return rows, after

    fresh = [
        layer.initial_state(batch) if hasattr(layer, "initial_state") else None
        for _, layer in layers
    ]
    whole = model if isinstance(model, spyx.Sequential) else spyx.Sequential(model)
    with calling(model, given.shape[1:]):
        rows = run_scan(step, fresh, given)
        rows[OUTPUT] = np.asarray(jax.jit(lambda xs: spyx.run(whole, xs)[0])(given))
    return _named(layers, rows, given.shape[2:])


def _named(layers: Named, rows: dict[str, np.ndarray], before: Shape) -> dict[str, np.ndarray]:
    """Under the names of the graph's nodes, in NIR's axes."""
    shuffled: Shape | None = None
    found = {}
    last: Any = lambda row: row  # noqa: E731
    for name, layer in layers:
        row = rows[name]
        if isinstance(layer, nnx.Linear):
            shuffled = None
        elif isinstance(layer, spyx.Flatten) and len(before) > 1:
            shuffled = (before[-1], *before[:-1])
        before = row.shape[2:]
        last = _to_nir_axes(shuffled, len(before))
        found[f"{name}/delay" if isinstance(layer, RECURRENT) else name] = last(row)
    return {**found, OUTPUT: last(rows[OUTPUT])}


def _to_nir_axes(shuffled: Shape | None, features: int) -> Any:
    if shuffled is not None:
        return lambda row: unshuffled(row, shuffled)
    return lambda row: channels_first(row, features)
