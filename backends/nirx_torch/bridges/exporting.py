"""A torch model of a library into NIR."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import nir
import torch

from nirx.basics.find_exporter import find_exporter
from nirx.basics.type_map import ABSENT, TypeMap
from nirx.errors import InputError
from nirx_torch.exporters import Stateful
from nirx_torch.net import Net
from nirx_torch.to_nir import to_nir
from nirx_torch.torch_to_nir import torch_to_nir

__all__ = ["Unwrap", "export_with"]


Unwrap = Callable[[Any], torch.nn.Module]
"""From a module that runs all time steps to the module in it that runs one."""


def export_with(
    module_map: TypeMap,
    model: Any,
    input_shape: Any = None,
    stateful: Iterable[Stateful] = (),
    over_time: Mapping[type, Unwrap] | None = None,
) -> nir.NIRGraph:
    """The graph of a model, with the discretization that its modules define in the metadata.

    Arguments:
        module_map: the library's.
        model: a `Net`, or any module that is one time step.
        input_shape: shape of one sample, without batch and time, where no layer tells it.
        stateful: see `torch_to_nir`.
        over_time: types of containers that call their content for every step.
    """
    if not isinstance(model, torch.nn.Module):
        raise InputError(f"the model is a {type(model).__name__}; expected a torch.nn.Module")
    if isinstance(model, Net):
        return to_nir(model, module_map)
    if over_time is not None:
        model = _one_step(model, over_time, {})
    options: Any = {"input_shape": input_shape, "stateful_modules": stateful}
    found = torch_to_nir(model, module_map, **options)
    if isinstance(found, nir.NIRGraph):
        return found
    alone = torch.nn.Sequential(OrderedDict({type(model).__name__.lower(): model}))
    return torch_to_nir(alone, module_map, **options)


def _one_step(
    module: torch.nn.Module, over_time: Mapping[type, Unwrap], done: dict[int, torch.nn.Module]
) -> torch.nn.Module:
    """The module with all its containers over time unwrapped; itself where there are none.

    Modules that have to change are copied; their parameters stay shared.
    """
    if id(module) not in done:
        unwrap = find_exporter(type(module), over_time)
        own = module if unwrap is ABSENT else unwrap(module)
        done[id(module)] = module  # which its unwrapped form may hold
        children = {
            name: None if child is None else _one_step(child, over_time, done)
            for name, child in own._modules.items()
        }
        if any(children[name] is not child for name, child in own._modules.items()):
            own = copy.copy(own)
            own._modules = children
        done[id(module)] = own
    return done[id(module)]
