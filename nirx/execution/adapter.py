"""`Adapter`: what a framework brings, and how nirx builds its networks with that."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import nir

from nirx.basics.type_map import Handler, TypeMap
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.surrogate import resolve_surrogate
from nirx.errors import InputError
from nirx.execution.assemble import Assembly, assemble, dtype_name
from nirx.execution.standalone import build_single

__all__ = ["Adapter", "NodeHandlers", "build_modules", "build_network", "import_nir"]

NodeHandlers = Mapping[type, Handler | None]
"""{NIR type: function from a node to a module, or None to bypass its nodes}."""


@dataclass(frozen=True)
class Adapter:
    """A framework, as far as building networks goes.

    Arguments:
        node_map: NIR type -> module class or function, unless the caller says otherwise.
        native: the class of modules that hold the parameters of nodes that nirx runs itself.
        identity: makes the module of a bypassed node.
        is_module: whether a value can be a node's module.
        expected: what `is_module` accepts, in words.
        net: (assembly, modules by position, dtype, surrogate, detach_reset, reproducible,
            any_dtype) -> network.
        cast: (module, dtype or None) -> the module in that dtype.
        dtypes: available in addition to float32 and float64, in fast mode only.
        require_dtype: raises `UnsupportedError` for a dtype that is not available now.
    """

    node_map: TypeMap
    native: type
    identity: Callable[[], Any]
    is_module: Callable[[Any], bool]
    expected: str
    net: Callable[..., Any]
    cast: Callable[[Any, str | None], Any]
    dtypes: tuple[str, ...] = ()
    require_dtype: Callable[[str | None], None] = lambda dtype: None


def build_network(
    adapter: Adapter,
    graph_or_path: Any,
    discretization: Discretization | None,
    dtype: Any,
    reproducible: bool,
    node_map: NodeHandlers | None,
    surrogate: Any,
    detach_reset: bool,
) -> Any:
    """The network of a graph; the arguments are those of `nirx.from_nir`."""
    name = dtype_name(dtype, () if reproducible else adapter.dtypes)
    adapter.require_dtype(name)
    chosen = resolve_surrogate(surrogate)
    own = adapter.node_map, adapter.native, adapter.identity
    assembly = assemble(graph_or_path, discretization, node_map, name, *own)
    modules = build_modules(assembly, adapter.is_module, adapter.expected)
    return adapter.net(assembly, modules, name, chosen, detach_reset, reproducible, False)


def import_nir(
    adapter: Adapter,
    caller: str,
    nir_node: Any,
    node_map: NodeHandlers | None,
    default_map: NodeHandlers | None,
    dtype: Any,
    discretization: Discretization | None,
    surrogate: Any,
    detach_reset: bool,
) -> Any:
    """The network of a graph, or the module of a single node.

    Arguments:
        caller: name of the public function, for errors.
        default_map: for types that `node_map` lacks. The adapter's own needs no entries for
            types that nirx runs; any other has to have one for every type.
        dtype: None means float32 for a graph, the node's own for a single node.
    """
    name = None if dtype is None else dtype_name(dtype, adapter.dtypes)
    adapter.require_dtype(name)
    own = adapter.native, adapter.identity
    if isinstance(nir_node, nir.NIRNode) and not isinstance(nir_node, nir.NIRGraph):
        maps = node_map, default_map, adapter.node_map
        module = build_single(nir_node, *maps, *own, discretization)
        _require_module(module, adapter.is_module, adapter.expected)
        return adapter.cast(module, name)
    if not isinstance(nir_node, nir.NIRGraph | str | os.PathLike):
        found = type(nir_node).__name__
        raise InputError(f"{caller}: expected a NIR graph, a node or a path, got a {found}")
    kind = name or "float32"
    chosen = resolve_surrogate(surrogate)
    strict = default_map is not adapter.node_map
    assembly = assemble(nir_node, discretization, node_map, kind, default_map, *own, strict=strict)
    modules = build_modules(assembly, adapter.is_module, adapter.expected)
    any_dtype = name is None and assembly.is_foreign
    return adapter.net(assembly, modules, kind, chosen, detach_reset, False, any_dtype)


def build_modules(assembly: Assembly, is_module: Callable[[Any], bool], expected: str) -> list[Any]:
    """The module of every position; nodes that share one get the same object.

    Entries are None for nodes that nirx runs on a backend without modules.

    **Raises**: `InputError` for a `node_map` entry that did not return a module.
    """
    modules: list[Any] = []
    for position, place in enumerate(assembly.schedule.nodes):
        if position in assembly.shared:
            modules.append(None)
            continue
        if position in assembly.custom:
            module = assembly.custom[position]
        elif assembly.native[position] is None:
            modules.append(None)
            continue
        else:
            assert place.dynamics is not None, "a node that no node map runs has dynamics"
            module = assembly.native[position](assembly.nodes[position], place.dynamics.rule)
        _require_module(module, is_module, expected, f"{place.name!r}: ")
        modules.append(module)
    return [modules[assembly.shared.get(p, p)] for p in range(len(modules))]


def _require_module(
    module: Any, is_module: Callable[[Any], bool], expected: str, where: str = ""
) -> None:
    if not is_module(module):
        found = type(module).__name__
        raise InputError(f"{where}node_map returned a {found}; expected {expected}")
