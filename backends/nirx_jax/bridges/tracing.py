"""Tracing one step of a library's model whose layers are intercepted when they are called.

For libraries whose models are not Equinox modules and call their layers in other ways. The bridge
provides a step that calls every mapped layer through a `Call`; nirx's tracer does the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import nir

from nirx.basics.type_map import TypeMap
from nirx.errors import UnsupportedError
from nirx_jax.bridges.calling import calling
from nirx_jax.exporters import Exporters
from nirx_jax.interpret import interpret
from nirx_jax.leaf import Leaf
from nirx_jax.trace import trace

__all__ = ["Call", "CellNode", "StatefulCall", "refused", "traced_graph"]

Step = Callable[[Callable[..., Any], Any, Any], tuple[Any, Any]]

CellNode = Callable[[Any, str, tuple[int, ...]], Any]
"""(layer, its place, shape of its input) -> its node, or None."""


class Call:
    """A layer as nirx's tracer calls it: x -> y.

    Arguments:
        module: the layer, whose type is in the module map.
        run: computes what the layer computes.
    """

    def __init__(self, module: Any, run: Callable[..., Any]):
        self.module, self.run = module, run

    def __call__(self, x: Any) -> Any:
        return self.run(x)


class StatefulCall(Call):
    """A layer with state: (x, state) -> (y, state)."""

    def __call__(self, x: Any, state: Any) -> Any:  # type: ignore[override]
        return self.run(x, state)


class _Exporters(Exporters):
    """Exporters that see the layer behind a `Call`."""

    def __init__(self, module_map: TypeMap, cell_node: CellNode | None):
        super().__init__(module_map, None)
        self.cell_node = cell_node

    def export(self, leaf: Leaf) -> Any:
        if self.cell_node is not None and leaf._path not in self.done:
            x, *_ = leaf._given.values()
            node = self.cell_node(leaf._module.module, leaf._path, x.shape)
            if node is not None:
                self.done[leaf._path] = node
        return super().export(leaf)

    def node_of(self, module: Any, where: str) -> Any:
        own = module.module if isinstance(module, Call) else module
        return super().node_of(own, where)


class _Whole:
    """A model as a callable with an argument `state`, which the tracer expects."""

    def __init__(self, step: Step, exporters: Exporters):
        self.step, self.exporters = step, exporters

    def __call__(self, x: Any, state: Any) -> Any:
        def call(name: str, layer: Call, *args: Any) -> Any:
            return Leaf(layer, name, name, self.exporters.export)(*args)

        return self.step(call, x, state)


jax.tree_util.register_static(_Whole)


def traced_graph(
    module_map: TypeMap,
    kind: str,
    step: Step,
    state: Any,
    input_shape: tuple[int, ...],
    cell_node: CellNode | None = None,
) -> nir.NIRGraph:
    """The graph of a model.

    Arguments:
        module_map: the library's.
        kind: name of the model in errors.
        step: (call, x, state) -> (y, state), for one sample; it calls mapped layers by
            call(name, `Call`, x) and call(name, `StatefulCall`, x, state).
        state: an example of the state.
        input_shape: shape of one sample.
        cell_node: makes the nodes of layers that the map has not.
    """
    exporters = _Exporters(module_map, cell_node)
    example = jax.ShapeDtypeStruct(tuple(input_shape), jnp.zeros(()).dtype)
    whole = _Whole(step, exporters)
    with calling(kind, input_shape):
        found = trace(whole, example, state, lambda part: False, exporters.export)
    return interpret(kind, found, exporters).build(None)


def refused(layer: Any, found: str, mend: str) -> UnsupportedError:
    """The error for an option of a layer that no NIR node has.

    Arguments:
        layer: the layer, or the name of its type.
        mend: a suggested fix.
    """
    kind = layer if isinstance(layer, str) else type(layer).__name__
    return UnsupportedError(f"{kind} with {found} has no NIR node; {mend}")
