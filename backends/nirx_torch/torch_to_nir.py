"""`torch_to_nir`: any torch module into NIR, by tracing one time step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from nirx.basics.type_map import ABSENT, Handler, find_handler, require_type_map
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, UnsupportedError
from nirx.tracing.exporting import MODULE_FORM, settled
from nirx.tracing.nest import nest_graph
from nirx_torch.exporters import Exporters, Stateful
from nirx_torch.interpret import interpret
from nirx_torch.module_map import MODULE_MAP
from nirx_torch.trace import trace

__all__ = ["torch_to_nir"]


def torch_to_nir(
    module: torch.nn.Module,
    module_map: Mapping[type, Handler | None] | None = None,
    default_dict: Mapping[type, Handler | None] | None = MODULE_MAP,
    type_check: bool = True,
    stateful_modules: Iterable[Stateful] | None = None,
    concrete_args: Mapping[str, Any] | None = None,
    *,
    input_shape: Any = None,
    discretization: Discretization | None = None,
    subgraphs: bool = False,
) -> Any:
    """Export a torch module to NIR; call-compatible with nirtorch.

    The module's forward is traced through; modules that a map knows become nodes. It is one
    time step: x [batch, *features], or (x, state) -> (y, state). State that is handed to a
    mapped module and back is that node's own; other state becomes a feedback edge, with an
    explicit one-step Delay where it would not be read back with the same timing.

    Arguments:
        module: left as it is; the graph shares no memory with it.
        module_map: {module type: function from a module to a NIR node}; entries win over
            `default_dict`, subclasses are found too. The function may give a `nir.NIRGraph`,
            tensors in the place of arrays, or None; None (or an entry of None) bypasses.
        default_dict: for types that `module_map` lacks.
        type_check: refuse what `nirx.check` refuses.
        stateful_modules: types of mapped modules that return (output, state) though their
            forward has no argument `state`, or functions that tell such modules.
        concrete_args: arguments of forward that are no inputs, with their values.
        input_shape: of one sample, without batch and time, or {argument: shape}; needed where
            no layer tells it (convolutions).
        discretization: goes into the graph's metadata, and gives Delays their unit.
        subgraphs: keep nested modules as nested graphs; else names are joined by dots.

    Returns: a `nir.NIRGraph` with the modules' names, or, for a module that a map knows, its
    node. One Input is called "input", several have the names of their arguments; one Output is
    called "output", several "output_0", "output_1", ... or the keys of the dict.

    **Raises**: `UnsupportedError` that names the place for what NIR cannot say, `InputError`,
    `GraphError`.
    """
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"torch_to_nir: a {type(module).__name__}; expected a torch.nn.Module")
    if isinstance(module, torch.jit.ScriptModule):
        raise InputError("torch_to_nir: a scripted module; pass the one before torch.jit.script")
    module = getattr(module, "_orig_mod", module)  # what torch.compile was given
    require_type_map(module_map, "module_map", MODULE_FORM)
    require_type_map(default_dict, "default_dict", MODULE_FORM)
    exporters = Exporters(module_map, default_dict, tuple(stateful_modules or ()))
    if find_handler(type(module), module_map, default_dict) is not ABSENT:
        node = exporters.export(module, type(module).__name__)
        if node is None:
            raise UnsupportedError(
                f"{type(module).__name__} is bypassed, and nothing else is there"
            )
        return settled(node, discretization)
    traced = trace(module, exporters.is_leaf, concrete_args)
    draft = interpret(module, traced, exporters, input_shape)
    graph = draft.build(discretization, type_check)
    if not subgraphs:
        return graph
    return nest_graph(graph, {name: tuple(name.split(".")) for name in draft.modules})
