"""`jax_to_nir`: any Equinox module into NIR, by tracing one time step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx

from nirx.basics.type_map import Handler, require_type_map
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, UnsupportedError
from nirx.tracing.exporting import MODULE_FORM, settled
from nirx.tracing.nest import nest_graph
from nirx_jax.exporters import Exporters
from nirx_jax.interpret import interpret
from nirx_jax.module_map import MODULE_MAP
from nirx_jax.trace import trace

__all__ = ["jax_to_nir"]


def jax_to_nir(
    module: Any,
    example_input: Any,
    module_map: Mapping[type, Handler | None] | None = None,
    default_map: Mapping[type, Handler | None] | None = MODULE_MAP,
    *,
    example_state: Any = None,
    discretization: Discretization | None = None,
    subgraphs: bool = False,
    type_check: bool = True,
) -> Any:
    """Export an Equinox module to NIR; the twin of `nirx_torch.torch_to_nir`.

    The module's call is traced; modules in it that a map knows become nodes. It is one time
    step of one sample: x [*features], or (x, state) -> (y, state) if the call has an argument
    `state`. State that is handed to a mapped module and back is that node's own; other state
    becomes a feedback edge, with an explicit one-step Delay where it would not be read back
    with the same timing.

    Arguments:
        module: a callable `eqx.Module`, left as it is; the graph shares no memory with it. One
            that a map knows as a whole may be of any type.
        example_input: an array or a `jax.ShapeDtypeStruct` of one sample, without batch and
            time; only its shape and dtype count. Several inputs are a tuple of positional
            arguments, or a dict of keyword arguments. (One argument that is itself a tuple or
            a dict: `{"x": (...)}`.)
        module_map: {module type: function from a module to a NIR node}; entries win over
            `default_map`, subclasses are found too. The function may give a `nir.NIRGraph`,
            JAX arrays in the place of NumPy's, or None; None (or an entry of None) bypasses.
        default_map: for types that `module_map` lacks.
        example_state: what the call takes as `state`. None takes `module.init_state(())` if
            there is one, else what a call with state=None returns.
        discretization: goes into the graph's metadata, and gives Delays their unit.
        subgraphs: keep nested modules as nested graphs; else names are joined by dots.
        type_check: refuse what `nirx.check` refuses.

    Returns: a `nir.NIRGraph` with the modules' places as names (`layers.0`), or, for a module
    that a map knows, its node. One Input is called "input", several have the names of their
    arguments; one Output is called "output", several "output_0", "output_1", ... or the keys
    of the dict.

    **Raises**: `UnsupportedError` that names the place for what NIR cannot say, `InputError`,
    `GraphError`.
    """
    require_type_map(module_map, "module_map", MODULE_FORM)
    require_type_map(default_map, "default_map", MODULE_FORM)
    exporters = Exporters(module_map, default_map)
    kind = type(module).__name__
    is_traceable = isinstance(module, eqx.Module) and callable(module)
    if not is_traceable and not exporters.is_mapped(module):
        raise InputError(f"jax_to_nir: a {kind}; expected an equinox.Module with a __call__")
    if exporters.is_leaf(module):
        node = exporters.node_of(module, kind)
        if node is None:
            raise UnsupportedError(f"{kind} is bypassed, and nothing else is there")
        return settled(node, discretization)
    traced = trace(module, example_input, example_state, exporters.is_leaf, exporters.export)
    draft = interpret(kind, traced, exporters)
    graph = draft.build(discretization, type_check)
    if not subgraphs:
        return graph
    return nest_graph(graph, {name: tuple(name.split(".")) for name in draft.modules})
