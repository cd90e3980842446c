"""`load` and `extract_nir_graph`: the older API of nirtorch, used by sinabs, rockpool and snnTorch.

Both are deprecated; they translate their arguments for `nir_to_torch` and `torch_to_nir`.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import nir
import numpy as np
import torch

from nirx.basics.find_exporter import find_exporter
from nirx.basics.type_map import ABSENT
from nirx.dynamics.node_types import has_neuron
from nirx.errors import GraphError, InputError, UnsupportedError
from nirx.execution.adapter import import_nir
from nirx.execution.assemble import Assembly
from nirx.files.reading import read
from nirx.graphs.flatten import walk_graphs
from nirx.tracing.draft import Draft
from nirx.tracing.exporting import call_exporter
from nirx_torch.held_values import put_back_after
from nirx_torch.native import NativeNode
from nirx_torch.nir_to_torch import ADAPTER, nir_to_torch
from nirx_torch.nirtorch_executor import GraphExecutor
from nirx_torch.nirtorch_sample import Calls, graph_of_calls
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

    Returns: the network of `nir_to_torch`, with nirtorch's names of the children.

    **Raises**: as `nir_to_torch`.
    """
    _deprecated("load", "nir_to_torch")
    graph = read(nir_graph) if isinstance(nir_graph, str | os.PathLike) else nir_graph
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"load: expected a NIR graph or a path, got a {type(graph).__name__}")
    own = copy.deepcopy(graph)
    modules: dict[str, Any] = {}
    _convert(own, model_map, modules)
    return _build(own, modules, return_state)


def _convert(graph: nir.NIRGraph, model_map: Callable[[Any], Any], modules: dict[str, Any]) -> None:
    """Put the module of every node that the map converts into `modules`.

    The node refers to it in its metadata. A neuron is replaced by one without parameters of its
    own: the module has them now, and may allow other values than NIR does.
    """
    for name, node in list(graph.nodes.items()):
        module = _try(model_map, node)
        if module is None:
            if isinstance(node, nir.NIRGraph):
                _convert(node, model_map, modules)
            continue
        if has_neuron(node) and not isinstance(node, nir.NIRGraph):
            shape = np.shape(getattr(node, "v_leak", getattr(node, "r", 1.0)))
            node = graph.nodes[name] = nir.IF(np.ones(shape), np.ones(shape))
        key = str(len(modules))
        modules[key] = module
        node.metadata = {**(getattr(node, "metadata", None) or {}), LOADED: key}


LOADED = "nirx_loaded"
"""Key of a node's metadata, for the module that `load` has made of it."""


def _build(graph: nir.NIRGraph, modules: dict[str, Any], return_state: bool) -> GraphExecutor:
    node_map: dict[type, Any] = {}
    for path, below, _ in walk_graphs(graph):
        if path and LOADED in below.metadata:
            node_map[nir.NIRGraph] = lambda node: (
                modules.get(str(node.metadata.get(LOADED))) or _build(node, modules, True)
            )
        for node in below.nodes.values():
            if not isinstance(node, nir.NIRGraph) and LOADED in (node.metadata or {}):
                node_map[type(node)] = lambda node: (
                    modules.get(str((node.metadata or {}).get(LOADED))) or _Alone(node)
                )

    def executor(assembly: Assembly, parts: list[Any], dtype: str, *options: Any) -> GraphExecutor:
        kind = getattr(torch, dtype)
        return GraphExecutor(assembly, parts, kind, *options, return_state=return_state).to(kind)

    adapter = dataclasses.replace(ADAPTER, net=executor)
    return import_nir(adapter, "load", graph, node_map, NODE_MAP, None, None, "superspike", False)


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
        sample_data: an input. The model runs on it once, so that modules without a size of
            their own get one; what they keep in themselves is put back.
        model_name: the node's name if the model is a single layer.
        ignore_submodules_of: types whose submodules are not exported separately.
        model_fwd_args: further arguments of forward.
        ignore_dims: axes of `sample_data` that are not features. By default the first that
            leaves a shape which the layers accept: the first axis, none, the first two, ...

    Returns: the graph, as `torch_to_nir` builds it, with subgraphs inlined ("lif.w_rec").

    **Raises**: as `torch_to_nir`; `InputError` if `sample_data` is no tensor, or the model
    does not run on it.
    """
    _deprecated("extract_nir_graph", "torch_to_nir")
    if not isinstance(sample_data, torch.Tensor):
        raise InputError(
            f"sample_data is a {type(sample_data).__name__}; expected the tensor that forward "
            "takes first; what else it takes, such as a state, goes into model_fwd_args"
        )
    whole = tuple(ignore_submodules_of or ())
    names = list(inspect.signature(model.forward).parameters)[1:]
    pinned = dict(zip(names, model_fwd_args, strict=False))
    nodes = _nodes_of(model, model_map, sample_data, model_fwd_args)
    module_map: dict[type, Any] = {}
    for module in torch.nn.Module.modules(model):
        if isinstance(module, whole) or nodes[id(module)] is not None:
            module_map.setdefault(type(module), lambda m: nodes[id(m)])
    faults: list[GraphError] = []
    for shape in _feature_shapes(tuple(sample_data.shape), ignore_dims):
        try:
            if find_exporter(type(model), module_map) is not ABSENT:
                graph = _alone(nodes[id(model)], model_name or "model", shape)
            else:
                try:
                    graph = torch_to_nir(
                        model, module_map, concrete_args=pinned or None, input_shape=shape
                    )
                except UnsupportedError as error:
                    graph = _by_sample(model, nodes, sample_data, model_fwd_args, shape, error)
        except GraphError as error:
            faults.append(error)
        else:
            return _without_subgraphs(graph)
    raise faults[0]


def _by_sample(
    model: torch.nn.Module,
    nodes: dict[int, Any],
    sample: Any,
    further: Sequence[Any],
    shape: tuple[int, ...],
    cause: UnsupportedError,
) -> nir.NIRGraph:
    """The graph of a run, for a model that cannot be traced. **Raises** `cause` otherwise."""
    mapped = [key for key, node in nodes.items() if node is not None]
    with put_back_after(model), torch.random.fork_rng(), torch.no_grad(), Calls(mapped) as calls:
        result = model(sample, *further)
    try:
        return graph_of_calls(model, nodes, calls, sample, result, shape)
    except UnsupportedError:
        raise cause from None


def _nodes_of(
    model: torch.nn.Module, model_map: Callable[[Any], Any], sample: Any, further: Sequence[Any]
) -> dict[int, Any]:
    """The node of every module, or None, by the module's id.

    The model runs on the sample first, because maps read shapes off the states that a run
    leaves; then these are put back.
    """
    with put_back_after(model), torch.random.fork_rng(), torch.no_grad():
        try:
            model(sample, *further)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            cause = str(error).strip().splitlines()
            raise InputError(
                f"the model does not run on sample_data of shape {tuple(sample.shape)}: "
                f"{cause[0] if cause else type(error).__name__}"
            ) from error
        nodes: dict[int, Any] = {}
        for path, module in torch.nn.Module.named_modules(model):
            # A Sequential is never a node, whatever the map makes of it.
            chain = isinstance(module, torch.nn.Sequential)
            node = None if chain else _try(model_map, module)
            nodes[id(module)] = _owned(node, module, path)
        return nodes


def _feature_shapes(shape: tuple[int, ...], ignore_dims: Sequence[int] | None) -> list[Any]:
    """The shapes that one sample may have, without batch and time; the likeliest first."""
    if ignore_dims:
        drop = {d % len(shape) for d in ignore_dims}
        return [tuple(n for axis, n in enumerate(shape) if axis not in drop)]
    if len(shape) <= 1:
        return [shape]
    return [shape[1:], shape, *(shape[axis:] for axis in range(2, len(shape)))]


def _alone(node: Any, name: str, shape: tuple[int, ...]) -> nir.NIRGraph:
    """The graph of a model that is one node."""
    draft = Draft()
    draft.output("output", draft.node(name, node, draft.input("input", shape)))
    return draft.build(None)


def _without_subgraphs(graph: nir.NIRGraph) -> nir.NIRGraph:
    """The graph with its subgraphs inlined: their nodes are called "subgraph.node"."""
    while any(isinstance(node, nir.NIRGraph) for node in graph.nodes.values()):
        graph = _inlined(graph)
    return graph


def _inlined(graph: nir.NIRGraph) -> nir.NIRGraph:
    """The graph with one level of subgraphs less."""
    nodes: dict[str, Any] = {}
    sources: dict[str, list[str]] = {}
    targets: dict[str, list[str]] = {}
    edges: list[tuple[str, str]] = []
    for name, node in graph.nodes.items():
        if not isinstance(node, nir.NIRGraph):
            nodes[name] = node
            continue
        ports = {
            key: kind
            for key, below in node.nodes.items()
            for kind in (nir.Input, nir.Output)
            if isinstance(below, kind)
        }
        for key, below in node.nodes.items():
            if key not in ports:
                nodes[f"{name}.{key}"] = below
        for a, b in node.edges:
            if ports.get(a) is nir.Input and b not in ports:
                targets.setdefault(name, []).append(f"{name}.{b}")
            elif ports.get(b) is nir.Output and a not in ports:
                sources.setdefault(name, []).append(f"{name}.{a}")
            else:
                edges.append((f"{name}.{a}", f"{name}.{b}"))
    for a, b in graph.edges:
        pairs = [(x, y) for x in sources.get(a, [a]) for y in targets.get(b, [b])]
        edges += pairs
    return nir.NIRGraph(nodes, edges, metadata=graph.metadata, type_check=False)


class _Alone(torch.nn.Module):
    """A node that nirx runs, wrapped as a user's module."""

    def __init__(self, node: Any):
        super().__init__()
        self.node = nir_to_torch(node, None, NODE_MAP)

    def forward(self, x: Any, state: Any = None) -> Any:
        assert isinstance(self.node, NativeNode)
        return self.node(x, state) if self.node.has_memory else (self.node(x), None)


def _owned(node: Any, module: torch.nn.Module, path: str) -> Any:
    """A node of a map, with arrays of its own in place of tensors."""
    return None if node is None else call_exporter(lambda _: node, module, path or "the model")


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
