"""`from_nir` and `nir_to_jax`: NIR into JAX."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import nir

from nirx.basics.type_map import Handler
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.surrogate import resolve_surrogate
from nirx.errors import InputError, UnsupportedError
from nirx.execution.assemble import Assembly, assemble, dtype_name
from nirx.execution.standalone import build_single
from nirx_jax.native import NativeNode
from nirx_jax.net import Net, cast
from nirx_jax.node_map import NODE_MAP
from nirx_jax.x64 import x64_is_on

__all__ = ["from_nir", "nir_to_jax"]

NodeHandlers = Mapping[type, Handler | None]


def from_nir(
    graph_or_path: Any,
    discretization: Discretization | None = None,
    dtype: Any = "float32",
    reproducible: bool = False,
    node_map: NodeHandlers | None = None,
    surrogate: Any = "superspike",
    detach_reset: bool = False,
) -> Net:
    """Build a JAX network from a NIR graph.

    Arguments:
        graph_or_path: a `nir.NIRGraph`, left as it is, or the path of a `.nir` file.
        discretization: None takes the graph's own (metadata), else the default with a warning.
        dtype: `"float32"` or `"float64"`; the latter needs JAX's x64 mode.
        reproducible: the same bits on every backend.
        node_map: {NIR type: function from a node to a module}, before `NODE_MAP`. A module is
            a callable x -> y, or (x, state) -> (y, state) if its call has an argument `state`;
            it gets [*batch, *features]. None in the place of a function bypasses the nodes.
        surrogate, detach_reset: gradient of a spike, and whether it stops at the reset.

    Returns: an `equinox.Module` with `net(x, state)`, `net.run` and `net.init_state`.

    **Units**: dt shares its unit with the graph's time constants and delays.

    **Raises**: `GraphError`, `FileError`, `InputError`, `UnsupportedError`.
    """
    kind = dtype_name(dtype)
    _require_x64(kind)
    chosen = resolve_surrogate(surrogate)
    assembly = assemble(
        graph_or_path, discretization, node_map, kind, NODE_MAP, NativeNode, eqx.nn.Identity
    )
    return Net(assembly, _modules(assembly, kind), kind, chosen, detach_reset, reproducible)


def nir_to_jax(
    nir_node: Any,
    node_map: NodeHandlers | None = None,
    default_map: NodeHandlers | None = NODE_MAP,
    dtype: Any = None,
    *,
    discretization: Discretization | None = None,
    surrogate: Any = "superspike",
    detach_reset: bool = False,
) -> Any:
    """Map NIR to Equinox modules of your choice; the twin of `nirx_torch.nir_to_torch`.

    Arguments:
        nir_node: a graph, a single node, or the path of a `.nir` file; left as it is.
        node_map: {NIR type: function from a node to a module, or None to bypass its nodes};
            see `from_nir`.
        default_map: for types that `node_map` lacks. Its default runs NIR's types by nirx.
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
    kind = None if dtype is None else dtype_name(dtype)
    _require_x64(kind)
    if isinstance(nir_node, nir.NIRNode) and not isinstance(nir_node, nir.NIRGraph):
        module = build_single(
            nir_node, node_map, default_map, NODE_MAP, NativeNode, eqx.nn.Identity, discretization
        )
        return module if kind is None else cast(module, kind)
    if not is_path and not isinstance(nir_node, nir.NIRGraph):
        found = type(nir_node).__name__
        raise InputError(f"nir_to_jax: expected a NIR graph, a node or a path, got a {found}")
    name = kind or "float32"
    chosen = resolve_surrogate(surrogate)
    assembly = assemble(
        nir_node,
        discretization,
        node_map,
        name,
        default_map,
        NativeNode,
        eqx.nn.Identity,
        strict=default_map is not NODE_MAP,
    )
    modules = _modules(assembly, name)
    free = kind is None and assembly.is_foreign
    return Net(assembly, modules, name, chosen, detach_reset, False, any_dtype=free)


def _require_x64(kind: str | None) -> None:
    if kind == "float64" and not x64_is_on():
        raise UnsupportedError(
            'dtype="float64" needs JAX\'s x64 mode; call jax.config.update("jax_enable_x64", True) '
            "first, or build and run inside `with jax.enable_x64(True):`"
        )


def _modules(assembly: Assembly, kind: str) -> dict[str, Any]:
    """A module for every node but those that share the one of another."""
    modules = {}
    for position, node in enumerate(assembly.nodes):
        if position in assembly.shared:
            continue
        place = assembly.schedule.nodes[position]
        if position in assembly.custom:
            module = assembly.custom[position]
        else:
            assert place.dynamics is not None, "what no node map runs has dynamics"
            module = assembly.native[position](node, place.dynamics.rule)
        if not callable(module):
            raise InputError(
                f"{place.name!r}: node_map gave a {type(module).__name__}; expected an "
                "equinox.Module or another callable"
            )
        modules[place.name] = cast(module, kind)
    return modules
