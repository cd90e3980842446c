"""`jax_to_nir`: export any Equinox module, or function, to NIR, by tracing one time step."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from nirx.basics.type_map import Handler
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, NirxError, UnsupportedError
from nirx.tracing.draft import Draft
from nirx.tracing.lowering import OWN_MODULE
from nirx.tracing.recognition.in_drafts import has_cells, has_value_loops
from nirx_jax.cell_exporters import CellExporters, cell_draft
from nirx_jax.cell_node import only_input
from nirx_jax.cell_root import is_traceable, may_be_cell, name_of, stepping_of, takes_any_state
from nirx_jax.cell_scan import scanned_step
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
    """Export an Equinox module or a function to NIR; the counterpart of `nirx_torch.torch_to_nir`.

    The module's call is traced; modules that a map has an entry for become nodes. A call is one
    time step of one sample: x [*features], or (x, state) -> (y, state) if it has an argument
    `state`. State that only passes through a mapped module is that node's own state; any other
    state becomes a feedback edge, or a one-step Delay where nirx would otherwise read it with
    another timing. An unknown neuron whose step is elementwise becomes the NIR node that it equals
    under some discretization (`nirx.recognise`), or else a `nirx.Neuron`.

    Arguments:
        module: a callable `eqx.Module`, left as it is; the graph shares no memory with it. Or a
            function (x) -> y or (x, state) -> (y, state), or one neuron as a `flax.nnx.Module`. A
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
        example_state: an example of `state`; a `nirx.Neuron` starts from its values. None takes
            `module.init_state(())` if there is one, else what a call with state=None returns.
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
    if not (is_traceable(module) or exporters.is_mapped(module)):
        raise InputError(
            f"jax_to_nir: a {type(module).__name__}; expected an equinox.Module with a __call__, a "
            "flax.nnx.Module or a function"
        )
    if exporters.is_leaf(module):
        return exporters.export_root(module, discretization)
    with_cells = [CellExporters(module_map, default_map, module, wide) for wide in (False, True)]
    given, options = (module, example_input, example_state), (discretization, type_check, subgraphs)
    try:
        draft = _draft(*given, exporters)
    except UnsupportedError as refused:
        return _with_cells(*given, with_cells, refused).build(*options)
    if has_value_loops(draft):
        # Perhaps those of linear cells (leaky integrators), which may be NIR nodes instead.
        with suppress(NirxError):
            found = _with_cells(*given, with_cells, UnsupportedError("")).build(*options)
            if not has_cells(found):
                return found
    return draft.build(*options)


def _draft(module: Any, example_input: Any, example_state: Any, exporters: Exporters) -> Draft:
    """The draft of a model of mapped modules, and of operations that NIR has."""
    kind = name_of(module)
    one_input = only_input(example_input) is not None
    stepping = stepping_of(module, one_input, example_state is not None)
    if stepping is None:
        raise UnsupportedError(f"{kind} has no NIR node; add it to module_map")

    asked = exporters.is_leaf, exporters.export, exporters.is_perhaps

    def attempt(given: Any, state: Any, marks: Marks) -> Draft:
        traced = trace(stepping, given, state, *asked)
        return interpret(kind, traced, exporters, marks)

    traced = trace(stepping, example_input, example_state, *asked)
    try:
        return interpret(kind, traced, exporters)
    except UnsupportedError:
        # Not one step of one sample: perhaps all steps, of a batch.
        axes = axes_of(traced.jaxpr.jaxpr)
        found = draft_over_time(attempt, axes, example_input, example_state)
        if found is None:
            raise
        return found


def _with_cells(
    module: Any,
    example_input: Any,
    example_state: Any,
    choices: list[CellExporters],
    refused: UnsupportedError,
) -> Draft:
    """The draft with unknown neurons as `nirx.Neuron`. **Raises** `UnsupportedError`.

    Arguments:
        choices: which parts may be neurons, tried in this order.
    """
    first: UnsupportedError | None = None
    for exporters in choices:
        if exporters.has_cells():
            try:
                return _draft(module, example_input, example_state, exporters)
            except UnsupportedError as refusal:
                first = first or refusal
    if first is not None:
        raise first
    exporters = choices[0]
    example = only_input(example_input)
    if example is not None and not exporters.holds_mapped(module):
        scanned = scanned_step(module, example, example_state)
        if scanned is not None:
            return cell_draft(*scanned)
    if example is None or not may_be_cell(module, example_state is not None, exporters):
        said = OWN_MODULE in str(refused)
        if not said and takes_any_state(module, example_state is not None):
            raise UnsupportedError(
                f"{refused}; or keep the neuron in an equinox.Module of its own, from (x, state) "
                "to (y, state): where that is elementwise, it becomes a nirx.Neuron"
            ) from refused
        raise refused
    return cell_draft(module, example, example_state)
