"""`from_nir` and `nir_to_torch`: NIR into torch."""

from __future__ import annotations

from typing import Any

import torch

from nirx.dynamics.discretization import Discretization
from nirx.execution.adapter import Adapter, NodeHandlers, build_network, import_nir
from nirx.execution.assemble import Assembly
from nirx.execution.kernels.plan import Execution, require_execution
from nirx.execution.runners import takes_state
from nirx_torch.native import NativeNode
from nirx_torch.net import HoldingNet, Net
from nirx_torch.node_map import NODE_MAP

__all__ = ["from_nir", "nir_to_torch"]


def _net(assembly: Assembly, modules: list[Any], dtype: str, *options: Any) -> Net:
    kind = getattr(torch, dtype)
    holding = any(not isinstance(m, NativeNode) and not takes_state(m.forward) for m in modules)
    return (HoldingNet if holding else Net)(assembly, modules, kind, *options).to(kind)


def _cast(module: torch.nn.Module, dtype: str | None) -> torch.nn.Module:
    return module if dtype is None else module.to(getattr(torch, dtype))


ADAPTER = Adapter(
    node_map=NODE_MAP,
    native=NativeNode,
    identity=torch.nn.Identity,
    is_module=lambda module: isinstance(module, torch.nn.Module),
    expected="a torch.nn.Module",
    net=_net,
    cast=_cast,
    dtypes=("bfloat16", "float16"),
)


def from_nir(
    graph_or_path: Any,
    discretization: Discretization | None = None,
    dtype: Any = "float32",
    reproducible: bool = False,
    node_map: NodeHandlers | None = None,
    surrogate: Any = None,
    detach_reset: bool = False,
    device: Any = None,
    execution: Execution = "auto",
) -> Net:
    """Build a torch network from a NIR graph.

    Arguments:
        graph_or_path: a `nir.NIRGraph`, which is never changed, or the path of a `.nir` file.
        discretization: None takes the graph's own (metadata), else the default with a warning.
        dtype: `"float32"`, `"float64"` or the torch dtype; without `reproducible` also
            `"bfloat16"` and `"float16"`.
        reproducible: the same bits on every backend.
        node_map: {NIR type: function from a node to a module}, before `NODE_MAP`. A module is
            x -> y, or (x, state) -> (y, state) if its `forward` has an argument `state`.
            None instead of a function bypasses the nodes of the type.
        surrogate, detach_reset: gradient of a spike (see `nirx.from_nir`), and whether it stops
            at the reset.
        device: of the parameters.
        execution: `"auto"`, `"fused"` or `"plain"`; see `nirx.from_nir`.

    Returns: a `torch.nn.Module` with `net(x, state)`, `net.run` and `net.init_state`.

    **Units**: dt shares its unit with the graph's time constants and delays.

    **Raises**: `GraphError`, `FileError`, `InputError`, `UnsupportedError`.
    """
    require_execution(execution)
    net = build_network(
        ADAPTER,
        graph_or_path,
        discretization,
        dtype,
        reproducible,
        node_map,
        surrogate,
        detach_reset,
    )
    net.execution = execution
    return net.to(device)


def nir_to_torch(
    nir_node: Any,
    node_map: NodeHandlers | None = None,
    default_map: NodeHandlers | None = NODE_MAP,
    device: Any = None,
    dtype: Any = None,
    *,
    discretization: Discretization | None = None,
    surrogate: Any = None,
    detach_reset: bool = False,
) -> torch.nn.Module:
    """Map NIR to torch modules of your choice; call-compatible with nirtorch.

    Arguments:
        nir_node: a graph, a single node, or the path of a `.nir` file. Never changed.
        node_map: {NIR type: function from a node to a module, or None to bypass its nodes};
            see `from_nir`.
        default_map: for types that are not in `node_map`. By default nirx runs NIR's types.
        device: of the parameters.
        dtype: of all parameters. None: float32 for a graph, the node's own for a single one.
            A graph that `node_map` runs entirely then takes inputs of any floating dtype.
        discretization: None takes the graph's own (metadata), else the default with a warning
            where it matters.
        surrogate, detach_reset: gradient of a spike (see `nirx.from_nir`), and whether it stops
            at the reset.

    Returns: for a graph the network of `from_nir`; for a single node its module, which is
    x -> y, or (x, state=None) -> (y, state) for a node with memory.

    **Raises**: `GraphError` (also for a type in neither map), `FileError`,
    `InputError`, `UnsupportedError`.
    """
    module = import_nir(
        ADAPTER,
        "nir_to_torch",
        nir_node,
        node_map,
        default_map,
        dtype,
        discretization,
        surrogate,
        detach_reset,
    )
    return module.to(device)
