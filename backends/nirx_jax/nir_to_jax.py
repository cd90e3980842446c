"""`from_nir` and `nir_to_jax`: NIR into JAX."""

from __future__ import annotations

from typing import Any

import equinox as eqx

from nirx.dynamics.discretization import Discretization
from nirx.errors import UnsupportedError
from nirx.execution.adapter import Adapter, NodeHandlers, build_network, import_nir
from nirx.execution.assemble import Assembly
from nirx_jax.native import NativeNode
from nirx_jax.net import Net, cast
from nirx_jax.node_map import NODE_MAP
from nirx_jax.x64 import x64_is_on

__all__ = ["from_nir", "nir_to_jax"]


def _require_x64(kind: str | None) -> None:
    if kind == "float64" and not x64_is_on():
        raise UnsupportedError(
            'dtype="float64" needs JAX\'s x64 mode; call jax.config.update("jax_enable_x64", True) '
            "first, or build and run inside `with jax.enable_x64(True):`"
        )


def _net(assembly: Assembly, modules: list[Any], dtype: str, *options: Any) -> Net:
    own = (
        (node.name, module)
        for position, (node, module) in enumerate(
            zip(assembly.schedule.nodes, modules, strict=True)
        )
        if position not in assembly.shared
    )
    return Net(assembly, {name: cast(module, dtype) for name, module in own}, dtype, *options)


def _cast(module: Any, dtype: str | None) -> Any:
    return module if dtype is None else cast(module, dtype)


ADAPTER = Adapter(
    node_map=NODE_MAP,
    native=NativeNode,
    identity=eqx.nn.Identity,
    is_module=callable,
    expected="an equinox.Module or another callable",
    net=_net,
    cast=_cast,
    dtypes=("bfloat16",),
    require_dtype=_require_x64,
)


def from_nir(
    graph_or_path: Any,
    discretization: Discretization | None = None,
    dtype: Any = "float32",
    reproducible: bool = False,
    node_map: NodeHandlers | None = None,
    surrogate: Any = None,
    detach_reset: bool = False,
) -> Net:
    """Build a JAX network from a NIR graph.

    Arguments:
        graph_or_path: a `nir.NIRGraph`, which is never changed, or the path of a `.nir` file.
        discretization: None takes the graph's own (metadata), else the default with a warning.
        dtype: `"float32"` or `"float64"`, which needs JAX's x64 mode; without `reproducible` also
            `"bfloat16"`.
        reproducible: the same bits on every backend.
        node_map: {NIR type: function from a node to a module}, before `NODE_MAP`. A module is
            a callable x -> y, or (x, state) -> (y, state) if its call has an argument `state`;
            x is [*batch, *features]. None instead of a function bypasses the nodes.
        surrogate, detach_reset: gradient of a spike (see `nirx.from_nir`), and whether it stops
            at the reset.

    Returns: an `equinox.Module` with `net(x, state)`, `net.run` and `net.init_state`.

    **Units**: dt shares its unit with the graph's time constants and delays.

    **Raises**: `GraphError`, `FileError`, `InputError`, `UnsupportedError`.
    """
    return build_network(
        ADAPTER,
        graph_or_path,
        discretization,
        dtype,
        reproducible,
        node_map,
        surrogate,
        detach_reset,
    )


def nir_to_jax(
    nir_node: Any,
    node_map: NodeHandlers | None = None,
    default_map: NodeHandlers | None = NODE_MAP,
    dtype: Any = None,
    *,
    discretization: Discretization | None = None,
    surrogate: Any = None,
    detach_reset: bool = False,
) -> Any:
    """Map NIR to Equinox modules of your choice; the twin of `nirx_torch.nir_to_torch`.

    Arguments:
        nir_node: a graph, a single node, or the path of a `.nir` file. Never changed.
        node_map: {NIR type: function from a node to a module, or None to bypass its nodes};
            see `from_nir`.
        default_map: for types that are not in `node_map`. By default nirx runs NIR's types.
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
    return import_nir(
        ADAPTER,
        "nir_to_jax",
        nir_node,
        node_map,
        default_map,
        dtype,
        discretization,
        surrogate,
        detach_reset,
    )
