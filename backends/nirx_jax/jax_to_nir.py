"""`jax_to_nir`: export any Equinox module to NIR, by tracing one time step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx

from nirx.basics.type_map import Handler
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, UnsupportedError
from nirx.tracing.draft import Draft
from nirx_jax.exporters import Exporters
from nirx_jax.interpret import interpret
from nirx_jax.marks import Marks
from nirx_jax.module_map import MODULE_MAP
from nirx_jax.over_time import axes_of, draft_over_time
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
    """Export an Equinox module to NIR; the counterpart of `nirx_torch.torch_to_nir`.

    The module's call is traced; modules that a map has an entry for become nodes. A call is one
    time step of one sample: x [*features], or (x, state) -> (y, state) if it has an argument
    `state`. State that only passes through a mapped module is that node's own state; any other
    state becomes a feedback edge, or a one-step Delay where nirx would otherwise read it with
    another timing.

    Arguments:
        module: a callable `eqx.Module`, left as it is; the graph shares no memory with it. A
            module that a map has an entry for may be of any type.
        example_input: an array or a `jax.ShapeDtypeStruct` of one sample, without batch and
            time; only its shape and dtype matter. For a model that scans over time, or maps over
            a batch, the array has these axes too: [time, batch, *features] (or batch first),
            of any size. Several inputs are a tuple of positional
            arguments, or a dict of keyword arguments. (A single argument that is a tuple or a
            dict itself: `{"x": (...)}`.)
        module_map: {module type: function from a module to a NIR node}; its entries win over
            `default_map`, and subclasses of a type are found too. The function may return a
            `nir.NIRGraph`, use JAX arrays instead of NumPy's, or return None; None (or an
            entry of None) bypasses the module.
        default_map: for types that `module_map` lacks.
        example_state: an example of `state`. None takes `module.init_state(())` if there is
            one, else what a call with state=None returns.
        discretization: goes into the graph's metadata, and sets the unit of Delays.
        subgraphs: keep nested modules as nested graphs; otherwise names are joined by dots.
        type_check: whether to refuse what `nirx.check` refuses.

    Returns: a `nir.NIRGraph` whose nodes are called by the modules' places (`layers.0`), or,
    for a module that a map has an entry for, its node. A single Input is called "input",
    several have the names of their arguments; a single Output is called "output", several are
    called "output_0", "output_1", ... or as the keys of the returned dict.

    **Raises**: `UnsupportedError`, with the place, for what NIR cannot express; `InputError`;
    `GraphError`.
    """
    exporters = Exporters(module_map, default_map)
    kind = type(module).__name__
    is_traceable = isinstance(module, eqx.Module) and callable(module)
    if not is_traceable and not exporters.is_mapped(module):
        raise InputError(f"jax_to_nir: a {kind}; expected an equinox.Module with a __call__")
    if exporters.is_leaf(module):
        return exporters.export_root(module, discretization)

    def attempt(given: Any, state: Any, marks: Marks) -> Draft:
        traced = trace(module, given, state, exporters.is_leaf, exporters.export)
        return interpret(kind, traced, exporters, marks)

    traced = trace(module, example_input, example_state, exporters.is_leaf, exporters.export)
    try:
        draft = interpret(kind, traced, exporters)
    except UnsupportedError:
        # Not one step of one sample: perhaps all steps, of a batch.
        axes = axes_of(traced.jaxpr.jaxpr)
        found = draft_over_time(attempt, axes, example_input, example_state)
        if found is None:
            raise
        draft = found
    return draft.build(discretization, type_check, subgraphs)
