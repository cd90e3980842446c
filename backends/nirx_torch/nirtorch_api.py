"""`load` and `extract_nir_graph`: the older API of nirtorch, used by sinabs, rockpool and snnTorch.

Both are deprecated; they translate their arguments for `nir_to_torch` and `torch_to_nir`.
"""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import nir
import torch

from nirx.basics.type_map import ABSENT, find_handler
from nirx.errors import InputError
from nirx.files.reading import read
from nirx.graphs.flatten import walk_graphs
from nirx_torch.native import NativeNode
from nirx_torch.nir_to_torch import nir_to_torch
from nirx_torch.node_map import NODE_MAP
from nirx_torch.torch_to_nir import torch_to_nir

__all__ = ["extract_nir_graph", "load"]


def load(
    nir_graph: Any, model_map: Callable[[Any], torch.nn.Module | None], return_state: bool = True
) -> torch.nn.Module:
    """Deprecated: use `nir_to_torch`.

    Arguments:
        nir_graph: a graph or the path of a `.nir` file.
        model_map: from a node (or a nested graph) to a module, or to None to let nirx run it.
        return_state: whether the module returns (y, state) or y alone.

    Returns: the network, as `nir_to_torch` builds it.

    **Raises**: as `nir_to_torch`.
    """
    _deprecated("load", "nir_to_torch")
    graph = read(nir_graph) if isinstance(nir_graph, str | os.PathLike) else nir_graph
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"load: expected a NIR graph or a path, got a {type(graph).__name__}")
    node_map: dict[type, Any] = {}
    for path, below, _ in walk_graphs(graph):
        if path and _try(model_map, below) is not None:
            node_map[nir.NIRGraph] = lambda node: model_map(node) or nir_to_torch(node, node_map)
        for node in below.nodes.values():
            if not isinstance(node, nir.NIRGraph) and _try(model_map, node) is not None:
                node_map[type(node)] = lambda node: model_map(node) or _Alone(node)
    net = nir_to_torch(graph, node_map)
    return net if return_state else _WithoutState(net)


def extract_nir_graph(
    model: torch.nn.Module,
    model_map: Callable[[torch.nn.Module], Any],
    sample_data: Any,
    model_name: str | None = "model",
    ignore_submodules_of: Iterable[type] | None = None,
    model_fwd_args: Sequence[Any] = (),
    ignore_dims: Sequence[int] | None = None,
) -> nir.NIRGraph:
    """Deprecated: use `torch_to_nir`.

    Arguments:
        model: the module to export.
        model_map: from a module to a NIR node, or to None to leave it to `MODULE_MAP`.
        sample_data: an input; only its shape matters.
        model_name: the node's name if the model is a single layer.
        ignore_submodules_of: types whose submodules are not exported separately.
        model_fwd_args: further arguments of forward.
        ignore_dims: axes of `sample_data` that are not features; by default the first.

    Returns: the graph, as `torch_to_nir` builds it.

    **Raises**: as `torch_to_nir`.
    """
    _deprecated("extract_nir_graph", "torch_to_nir")
    whole = tuple(ignore_submodules_of or ())
    module_map: dict[type, Any] = {}
    for module in model.modules():
        if isinstance(module, whole) or _try(model_map, module) is not None:
            module_map.setdefault(type(module), model_map)
    drop = {d % len(sample_data.shape) for d in ((0,) if ignore_dims is None else ignore_dims)}
    shape = tuple(n for axis, n in enumerate(sample_data.shape) if axis not in drop)
    names = list(inspect.signature(model.forward).parameters)[1:]
    pinned = dict(zip(names, model_fwd_args, strict=False))
    single = find_handler(type(model), module_map) is not ABSENT
    traced = _Named(model, model_name or "model") if single else model
    return torch_to_nir(traced, module_map, concrete_args=pinned or None, input_shape=shape)


class _Alone(torch.nn.Module):
    """A node that nirx runs, wrapped as a user's module."""

    def __init__(self, node: Any):
        super().__init__()
        self.node = nir_to_torch(node, None, NODE_MAP)

    def forward(self, x: Any, state: Any = None) -> Any:
        assert isinstance(self.node, NativeNode)
        return self.node(x, state) if self.node.has_memory else (self.node(x), None)


class _WithoutState(torch.nn.Module):
    def __init__(self, net: torch.nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Any, state: Any = None) -> Any:
        return self.net(x, state)[0]


class _Named(torch.nn.Module):
    """A single layer as the only child of a model."""

    def __init__(self, module: torch.nn.Module, name: str):
        super().__init__()
        self.name = name
        self.add_module(name, module)

    def forward(self, x: Any) -> Any:
        return getattr(self, self.name)(x)


def _try(function: Callable[[Any], Any], argument: Any) -> Any:
    # Older maps raise for unknown types, each with a different error.
    try:
        return function(argument)
    except (NotImplementedError, ValueError, AttributeError, TypeError, KeyError):
        return None


def _deprecated(old: str, new: str) -> None:
    warnings.warn(
        f"nirx_torch.{old} exists for code written for nirtorch; use nirx_torch.{new}",
        DeprecationWarning,
        stacklevel=3,
    )
