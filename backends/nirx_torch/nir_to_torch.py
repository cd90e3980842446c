"""`from_nir`: a NIR graph into a torch network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from nirx.assemble import assemble, dtype_name
from nirx.discretization import Discretization
from nirx.errors import InputError
from nirx.surrogate import resolve_surrogate
from nirx_torch.net import Net
from nirx_torch.node_map import NODE_MAP, NativeNode

__all__ = ["from_nir"]


def from_nir(
    graph_or_path: Any,
    discretization: Discretization | None = None,
    dtype: Any = "float32",
    reproducible: bool = False,
    node_map: Mapping[type, Any] | None = None,
    surrogate: Any = "superspike",
    detach_reset: bool = False,
    device: Any = None,
) -> Net:
    """Build a torch network from a NIR graph.

    Arguments:
        graph_or_path: a `nir.NIRGraph`, left as it is, or the path of a `.nir` file.
        discretization: None takes the graph's own (metadata), else the default with a warning.
        dtype: `"float32"`, `"float64"` or the torch dtype.
        reproducible: the same bits on every backend.
        node_map: {NIR type: function from a node to a module}, before `NODE_MAP`. A module is
            x -> y, or (x, state) -> (y, state) if its `forward` has an argument `state`.
        surrogate, detach_reset: gradient of a spike, and whether it stops at the reset.
        device: where the parameters live.

    Returns: a `torch.nn.Module` with `net(x, state)`, `net.run` and `net.init_state`.

    **Units**: dt shares its unit with the graph's time constants and delays.

    **Raises**: `GraphError`, `FileError`, `InputError`, `UnsupportedError`.
    """
    name = dtype_name(dtype)
    kind = getattr(torch, name)
    chosen = resolve_surrogate(surrogate)
    assembly = assemble(graph_or_path, discretization, node_map, name, NODE_MAP, NativeNode)
    modules = []
    for position, node in enumerate(assembly.nodes):
        custom = position in assembly.custom
        module = assembly.custom[position] if custom else NativeNode(node)
        if not isinstance(module, torch.nn.Module):
            path = assembly.schedule.nodes[position].name
            raise InputError(
                f"{path!r}: node_map gave a {type(module).__name__}; expected a torch.nn.Module"
            )
        modules.append(module)
    net = Net(assembly.schedule, modules, kind, chosen, detach_reset, reproducible)
    return net.to(device, kind)
