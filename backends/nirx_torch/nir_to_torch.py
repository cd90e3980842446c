"""`from_nir` and `nir_to_torch`: NIR into torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import nir
import torch

from nirx.basics.type_map import Handler
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.surrogate import resolve_surrogate
from nirx.errors import InputError
from nirx.execution.assemble import Assembly, assemble, dtype_name
from nirx.execution.standalone import build_single
from nirx_torch.native import NativeNode
from nirx_torch.net import Net
from nirx_torch.node_map import NODE_MAP

__all__ = ["from_nir", "nir_to_torch"]

HALF = ("bfloat16", "float16")
"""Dtypes that torch alone has; fast mode only."""

NodeHandlers = Mapping[type, Handler | None]


def from_nir(
    graph_or_path: Any,
    discretization: Discretization | None = None,
    dtype: Any = "float32",
    reproducible: bool = False,
    node_map: NodeHandlers | None = None,
    surrogate: Any = "superspike",
    detach_reset: bool = False,
    device: Any = None,
) -> Net:
    """Build a torch network from a NIR graph.

    Arguments:
        graph_or_path: a `nir.NIRGraph`, left as it is, or the path of a `.nir` file.
        discretization: None takes the graph's own (metadata), else the default with a warning.
        dtype: `"float32"`, `"float64"` or the torch dtype; without `reproducible` also
            `"bfloat16"` and `"float16"`.
        reproducible: the same bits on every backend.
        node_map: {NIR type: function from a node to a module}, before `NODE_MAP`. A module is
            x -> y, or (x, state) -> (y, state) if its `forward` has an argument `state`.
            None in the place of a function bypasses the nodes of the type.
        surrogate, detach_reset: gradient of a spike, and whether it stops at the reset.
        device: where the parameters live.

    Returns: a `torch.nn.Module` with `net(x, state)`, `net.run` and `net.init_state`.

    **Units**: dt shares its unit with the graph's time constants and delays.

    **Raises**: `GraphError`, `FileError`, `InputError`, `UnsupportedError`.
    """
    name = dtype_name(dtype, () if reproducible else HALF)
    chosen = resolve_surrogate(surrogate)
    assembly = assemble(
        graph_or_path, discretization, node_map, name, NODE_MAP, NativeNode, torch.nn.Identity
    )
    kind = getattr(torch, name)
    net = Net(assembly, _modules(assembly), kind, chosen, detach_reset, reproducible)
    return net.to(device, kind)


def nir_to_torch(
    nir_node: Any,
    node_map: NodeHandlers | None = None,
    default_map: NodeHandlers | None = NODE_MAP,
    device: Any = None,
    dtype: Any = None,
    *,
    discretization: Discretization | None = None,
    surrogate: Any = "superspike",
    detach_reset: bool = False,
) -> torch.nn.Module:
    """Map NIR to torch modules of your choice; call-compatible with nirtorch.

    Arguments:
        nir_node: a graph, a single node, or the path of a `.nir` file; left as it is.
        node_map: {NIR type: function from a node to a module, or None to bypass its nodes};
            see `from_nir`.
        default_map: for types that `node_map` lacks. Its default runs NIR's types by nirx.
        device: where the parameters live.
        dtype: of all parameters. None: float32 for a graph, the node's own for a single one.
            A graph that `node_map` runs by itself then takes inputs of any floating dtype.
        discretization: None takes the graph's own (metadata), else the default with a warning
            where it matters.
        surrogate, detach_reset: gradient of a spike, and whether it stops at the reset.

    Returns: for a graph the network of `from_nir`; for a single node its module, which is
    x -> y, or (x, state=None) -> (y, state) for a node with memory.

    **Raises**: `GraphError` (also for a type that neither map has), `FileError`,
    `InputError`, `UnsupportedError`.
    """
    is_path = isinstance(nir_node, str | os.PathLike)
    if isinstance(nir_node, nir.NIRNode) and not isinstance(nir_node, nir.NIRGraph):
        module = build_single(
            nir_node, node_map, default_map, NODE_MAP, NativeNode, torch.nn.Identity, discretization
        )
        if not isinstance(module, torch.nn.Module):
            found = type(module).__name__
            raise InputError(f"node_map gave a {found}; expected a torch.nn.Module")
        kind = None if dtype is None else getattr(torch, dtype_name(dtype, HALF))
        return module.to(device, kind)
    if not is_path and not isinstance(nir_node, nir.NIRGraph):
        found = type(nir_node).__name__
        raise InputError(f"nir_to_torch: expected a NIR graph, a node or a path, got a {found}")
    name = "float32" if dtype is None else dtype_name(dtype, HALF)
    kind = getattr(torch, name)
    chosen = resolve_surrogate(surrogate)
    assembly = assemble(
        nir_node,
        discretization,
        node_map,
        name,
        default_map,
        NativeNode,
        torch.nn.Identity,
        strict=default_map is not NODE_MAP,
    )
    net = Net(assembly, _modules(assembly), kind, chosen, detach_reset, False)
    net.any_dtype = dtype is None and assembly.is_foreign
    return net.to(device, kind)


def _modules(assembly: Assembly) -> list[torch.nn.Module]:
    """The module of every position; nodes that share one get the same object."""
    modules: dict[int, torch.nn.Module] = {}
    for position, place in enumerate(assembly.schedule.nodes):
        leader = assembly.shared.get(position, position)
        if leader not in modules:
            modules[leader] = _module(assembly, leader)
        modules[position] = modules[leader]
        if not isinstance(modules[position], torch.nn.Module):
            found = type(modules[position]).__name__
            raise InputError(f"{place.name!r}: node_map gave a {found}; expected a torch.nn.Module")
    return [modules[position] for position in range(len(modules))]


def _module(assembly: Assembly, position: int) -> Any:
    if position in assembly.custom:
        return assembly.custom[position]
    place = assembly.schedule.nodes[position]
    assert place.dynamics is not None, "what no node map runs has dynamics"
    return assembly.native[position](assembly.nodes[position], place.dynamics.rule)
