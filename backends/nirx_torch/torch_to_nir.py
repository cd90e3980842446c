"""`torch_to_nir`: export any torch module to NIR, by tracing one time step."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import nir
import torch

from nirx.basics.type_map import Handler
from nirx.dynamics.discretization import Discretization
from nirx.errors import GraphError, InputError, NirxError, UnsupportedError
from nirx.tracing.draft import Draft
from nirx.tracing.recognition.in_drafts import has_cells, has_value_loops
from nirx_torch.cell_finder import found_cells
from nirx_torch.exporters import Exporters, Stateful
from nirx_torch.hooks import warn_of_hooks
from nirx_torch.interpret import TorchInterpreter
from nirx_torch.known_shapes import shape_finder
from nirx_torch.module_map import MODULE_MAP
from nirx_torch.over_time import forget_axis, trace_over_time
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

    The module's forward is traced; modules that a map has an entry for become nodes. A call is
    one time step: x [batch, *features], or (x, state) -> (y, state). State that only passes
    through a mapped module is that node's own state; any other state becomes a feedback edge,
    or a one-step Delay where nirx would otherwise read it with another timing. A module in no
    map with state, whose step is elementwise, becomes the NIR node that it equals under some
    discretization (`nirx.recognise`), or else a `nirx.Neuron`.

    Arguments:
        module: left as it is; the graph shares no memory with it.
        module_map: {module type: function from a module to a NIR node}; its entries win over
            `default_dict`, and subclasses of a type are found too. The function may return a
            `nir.NIRGraph`, use tensors instead of arrays, or return None; None (or an entry of
            None) bypasses the module.
        default_dict: for types that `module_map` lacks.
        type_check: whether to refuse what `nirx.check` refuses.
        stateful_modules: types of mapped modules that return (output, state) although their
            forward has no argument `state`, or functions that recognize such modules.
        concrete_args: {argument of forward: value}, for arguments that are not inputs.
        input_shape: of one sample, without batch and time, or {argument: shape}; needed if no
            layer determines it, as with convolutions.
        discretization: goes into the graph's metadata, and sets the unit of Delays.
        subgraphs: keep nested modules as nested graphs; otherwise names are joined by dots.

    Returns: a `nir.NIRGraph` whose nodes have the modules' names, or, for a module that a map
    has an entry for, its node; likewise for a module that is a `nirx.Neuron` itself, unless
    `input_shape` is given. A single Input is called "input", several have the names of
    their arguments; a single Output is called "output", several are called "output_0",
    "output_1", ... or as the keys of the returned dict.

    **Raises**: `UnsupportedError`, with the place, for what NIR cannot express; `InputError`;
    `GraphError`.
    """
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"torch_to_nir: a {type(module).__name__}; expected a torch.nn.Module")
    if isinstance(module, torch.jit.ScriptModule):
        raise InputError("torch_to_nir: a scripted module; pass the original module")
    module = getattr(module, "_orig_mod", module)  # what torch.compile was given
    warn_of_hooks(module)
    exporters = Exporters(module_map, default_dict, tuple(stateful_modules or ()))
    options = concrete_args, input_shape, discretization, type_check, subgraphs
    try:
        found = _drafted(module, exporters, *options[:3])
        if not isinstance(found, Draft):
            return found
        better = _recognised(module, exporters, options) if has_value_loops(found) else None
        return _built(found, *options[2:]) if better is None else better
    except (InputError, GraphError):
        raise
    except Exception as error:
        # Perhaps with modules as neurons of their own; forward may fail in any way without.
        return _with_cells(module, exporters, options, error)


def _recognised(
    module: torch.nn.Module, exporters: Exporters, options: tuple[Any, ...]
) -> nir.NIRNode | None:
    """The export with every linear cell (a leaky integrator) as a NIR node, if all are ones.

    A linear cell can be traced as edges, Scales and Delays too, so this is never necessary.
    """
    done, exporters.done = exporters.done, {}
    try:
        exporters.cells = next(found_cells(module, exporters, options[1], []), {})
        if exporters.cells:
            found = _built(_drafted(module, exporters, *options[:3]), *options[2:])
            return None if has_cells(found) else found
    except NirxError:
        pass
    exporters.cells, exporters.done = {}, done
    return None


def _with_cells(
    module: torch.nn.Module, exporters: Exporters, options: tuple[Any, ...], error: Exception
) -> Any:
    """The export with modules in no map as `nirx.Neuron` nodes.

    Arguments:
        error: why there is none without.
    """
    refusals: list[UnsupportedError] = []
    for cells in found_cells(module, exporters, options[1], refusals):
        exporters.cells, exporters.done = cells, {}
        try:
            return _exported(module, exporters, *options)
        except UnsupportedError as refusal:
            refusals.append(refusal)
    if not refusals:
        raise error
    raise UnsupportedError(f"{error}. As a neuron of its own: {refusals[0]}") from error


def _exported(module: torch.nn.Module, exporters: Exporters, *options: Any) -> Any:
    return _built(_drafted(module, exporters, *options[:3]), *options[2:])


def _built(found: Any, *options: Any) -> Any:
    return found.build(*options) if isinstance(found, Draft) else found


def _drafted(
    module: torch.nn.Module,
    exporters: Exporters,
    concrete_args: Mapping[str, Any] | None,
    input_shape: Any,
    discretization: Discretization | None,
) -> Any:
    """The draft of the graph, or the node of a module that a map has an entry for."""
    if id(module) in exporters.cells and input_shape is not None:
        module = torch.nn.Sequential(OrderedDict({type(module).__name__.lower(): module}))
        if isinstance(input_shape, Mapping):
            input_shape = next(iter(input_shape.values()))
    if exporters.is_mapped(module):
        return exporters.export_root(module, discretization)
    shapes = shape_finder(module, exporters, input_shape)
    forget_axis(module)
    try:
        traced = trace(module, exporters.is_mapped, concrete_args, shapes)
        return TorchInterpreter(module, traced, exporters, input_shape).run()
    except (InputError, GraphError):
        raise
    except Exception:
        # Not one time step: perhaps all of them. Forward may then fail in any way on one.
        traced = trace_over_time(
            module, exporters.is_mapped, exporters.has_memory, concrete_args, shapes
        )
        if traced is None:
            raise
    return TorchInterpreter(module, traced, exporters, input_shape).run()
