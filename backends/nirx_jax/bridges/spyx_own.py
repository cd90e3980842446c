"""A user's nnx.Module that passes states through, (x, state) -> (y, state): its graph, its run.

**Source**: spyx 1.0.0: `spyx.nn.run` takes whatever has `initial_state`.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Callable
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
from nirx_jax.bridges.calling import calling
from nirx_jax.bridges.exporting import as_shape
from nirx_jax.bridges.probing import Look, probed_shape
from nirx_jax.bridges.running import OUTPUT, run_scan
from nirx_jax.bridges.spyx_cells import cell_node, is_cell
from nirx_jax.bridges.tracing import Call, CellNode, StatefulCall, traced_graph
from nirx_jax.exporters import Exporters

__all__ = ["own_graph", "run_own"]

Wrap = Callable[[str, Any], Callable[..., Any]]
"""(name, layer) -> what is called in its place."""


def own_graph(module_map: TypeMap, model: Any, input_shape: Any = None) -> nir.NIRGraph:
    """The graph of one step, traced. Layers are named by their places in the model.

    **Raises**: `UnsupportedError` for layers on more than one axis: spyx has the channels last.
    """
    layers = _replaced(module_map, model, lambda name, layer: layer)[1]
    exporters = Exporters(module_map, None)
    for name, layer in layers.items():
        if not is_cell(layer, module_map):
            exporters.node_of(layer, name)
        shape = getattr(layer, "hidden_shape", getattr(layer, "layer_shape", (1,)))
        if isinstance(layer, nnx.Conv | spyx.SumPool | spyx.Flatten) or len(shape) != 1:
            raise UnsupportedError(
                f"{name}: spyx has the channels last and NIR has them first; nirx reorders them "
                "in a spyx.nn.Sequential only: make the model one"
            )
    with calling(f"{type(model).__name__}.initial_state", ()):
        state = jax.tree.map(lambda a: a[0], model.initial_state(1))
    given = _probed(module_map, model, state) if input_shape is None else input_shape

    # As a list: a part without state has None, which the tracer would take for a fresh state.
    leaves, structure = jax.tree.flatten(state)

    def step(call: Callable[..., Any], x: Any, leaves: Any) -> Any:
        def wrap(name: str, layer: Any) -> Any:
            def called(x: Any, *state: Any) -> Any:
                kind = StatefulCall if state else Call
                return call(name, kind(layer, layer), x, *state)

            return called

        y, new = _replaced(module_map, model, wrap)[0](x, jax.tree.unflatten(structure, leaves))
        return y, jax.tree.leaves(new)

    kind = type(model).__name__
    return traced_graph(module_map, kind, step, leaves, as_shape(given), _cell_in(module_map))


def _cell_in(module_map: TypeMap) -> CellNode:
    """The node of a layer that is a neuron of its own, else None."""

    def made(layer: Any, name: str, shape: Shape) -> Any:
        return cell_node(layer, name, shape) if is_cell(layer, module_map) else None

    return made


def run_own(module_map: TypeMap, model: Any, xs: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of all layers and of the model; xs is [time, batch, features]."""
    given = jnp.asarray(xs)

    def step(x: Any, state: Any) -> Any:
        rows: dict[str, Any] = {}

        def wrap(name: str, layer: Any) -> Any:
            def called(x: Any, *state: Any) -> Any:
                result = layer(x, *state)
                late = isinstance(layer, spyx.RIF | spyx.RLIF | spyx.RCuBaLIF)
                rows[f"{name}/delay" if late else name] = result[0] if state else result
                return result

            return called

        y, state = _replaced(module_map, model, wrap)[0](x, state)
        return {**rows, OUTPUT: y}, state

    with calling(model, given.shape[1:]):
        return run_scan(step, model.initial_state(given.shape[1]), given)


def _probed(module_map: TypeMap, model: Any, state: Any) -> Shape:
    layers = _replaced(module_map, model, lambda name, layer: layer)[1]
    sizes = [_reads(layer) for layer in layers.values()]

    def run(x: Any, look: Look) -> None:
        def wrap(name: str, layer: Any) -> Any:
            def called(given: Any, *state: Any) -> Any:
                look(given, _reads(layer))
                return layer(given, *state)

            return called

        _replaced(module_map, model, wrap)[0](x, state)

    return probed_shape([size for size in sizes if size is not None], run)


def _reads(layer: Any) -> Shape | None:
    if isinstance(layer, nnx.Linear):
        return (int(layer.in_features),)
    return getattr(layer, "hidden_shape", getattr(layer, "layer_shape", None))


def _replaced(module_map: TypeMap, model: Any, wrap: Wrap) -> tuple[Any, dict[str, Any]]:
    """A copy of the model with its layers replaced, which shares the parameters; and the layers by
    name."""
    layers: dict[str, Any] = {}
    done: dict[int, Any] = {}

    def copied(part: Any, name: str) -> Any:
        if id(part) in done:
            return done[id(part)]
        new = part
        if isinstance(part, nnx.Module) and name and _is_layer(part, module_map):
            layers[name] = part
            new = wrap(name, part)
        elif isinstance(part, nnx.Module):
            done[id(part)] = new = object.__new__(type(part))  # a part may refer back to it
            vars(new).update({k: copied(v, _below(name, k)) for k, v in vars(part).items()})
        elif isinstance(part, dict):
            new = {k: copied(v, _below(name, k)) for k, v in part.items()}
        elif type(part) in (list, tuple):
            new = type(part)(copied(v, _below(name, k)) for k, v in enumerate(part))
        done[id(part)] = new
        return new

    return copied(model, ""), layers


def _is_layer(part: Any, module_map: TypeMap) -> bool:
    known = find_exporter(type(part), module_map) is not ABSENT or is_cell(part, module_map)
    return known and not isinstance(part, nnx.Sequential)  # which is traced through


def _below(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)
