"""`from_nir`: a NIR graph into a JAX network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nirx.assemble import assemble, dtype_name
from nirx.discretization import Discretization
from nirx.errors import InputError, UnsupportedError
from nirx.surrogate import resolve_surrogate
from nirx_jax.net import Net, cast
from nirx_jax.node_map import NODE_MAP, NativeNode
from nirx_jax.x64 import x64_is_on

__all__ = ["from_nir"]


def from_nir(
    graph_or_path: Any,
    discretization: Discretization | None = None,
    dtype: Any = "float32",
    reproducible: bool = False,
    node_map: Mapping[type, Any] | None = None,
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
            it gets [*batch, *features].
        surrogate, detach_reset: gradient of a spike, and whether it stops at the reset.

    Returns: an `equinox.Module` with `net(x, state)`, `net.run` and `net.init_state`.

    **Units**: dt shares its unit with the graph's time constants and delays.

    **Raises**: `GraphError`, `FileError`, `InputError`, `UnsupportedError`.
    """
    kind = dtype_name(dtype)
    if kind == "float64" and not x64_is_on():
        raise UnsupportedError(
            'dtype="float64" needs JAX\'s x64 mode; call jax.config.update("jax_enable_x64", True) '
            "first, or build and run inside `with jax.enable_x64(True):`"
        )
    chosen = resolve_surrogate(surrogate)
    assembly = assemble(graph_or_path, discretization, node_map, kind, NODE_MAP, NativeNode)
    modules = {}
    for position, node in enumerate(assembly.nodes):
        name = assembly.schedule.nodes[position].name
        custom = position in assembly.custom
        module = assembly.custom[position] if custom else NativeNode(node)
        if not callable(module) and not isinstance(module, NativeNode):
            raise InputError(
                f"{name!r}: node_map gave a {type(module).__name__}; expected an equinox.Module "
                "or another callable"
            )
        modules[name] = cast(module, kind)
    return Net(modules, assembly.schedule, kind, chosen, detach_reset, reproducible)
