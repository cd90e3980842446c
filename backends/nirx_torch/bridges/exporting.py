"""A torch model of a library into NIR."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import nir
import torch

from nirx.errors import InputError
from nirx.type_map import TypeMap
from nirx_torch.net import Net
from nirx_torch.to_nir import to_nir
from nirx_torch.torch_to_nir import torch_to_nir

__all__ = ["export_with"]


def export_with(
    module_map: TypeMap, model: Any, input_shape: Any = None, stateful: Iterable[type] = ()
) -> nir.NIRGraph:
    """The graph of a model, its discretization (as far as its modules say it) in the metadata.

    Arguments:
        module_map: of the library.
        input_shape: of one sample, without batch and time, where no layer tells it.
        stateful: types of modules that give (output, state) though they take no `state`.
    """
    if not isinstance(model, torch.nn.Module):
        raise InputError(f"the model is a {type(model).__name__}; expected a torch.nn.Module")
    if isinstance(model, Net):
        return to_nir(model, module_map)
    found = torch_to_nir(model, module_map, input_shape=input_shape, stateful_modules=stateful)
    if isinstance(found, nir.NIRGraph):
        return found
    wrapped = torch.nn.Sequential()
    wrapped.add_module(type(model).__name__.lower(), model)
    return torch_to_nir(wrapped, module_map, input_shape=input_shape, stateful_modules=stateful)
