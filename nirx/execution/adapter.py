"""`Adapter`: what a framework brings, and how nirx builds its networks with that."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import nir

from nirx.basics.type_map import ABSENT, Handler, TypeMap, find_handler, require_type_map
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import find_type
from nirx.errors import GraphError, InputError
from nirx.execution.assemble import (
    NODE_FORM,
    Assembly,
    assemble,
    call_builder,
    dtype_name,
    no_entry,
)
from nirx.execution.node_surrogates import (
    node_surrogates,
    resolve_surrogate,
    surrogate_of_node,
)
from nirx.execution.standalone import checked_node
from nirx.graphs.metadata import assumed_discretization

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
        net: (assembly, modules by position, dtype, `NodeSurrogates`, detach_reset, reproducible,
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
    default_map: Any = ABSENT,
    any_dtype: bool = False,
) -> Any:
    """The network of a graph; the arguments are those of `nirx.from_nir`, and:

    Arguments:
        default_map: in place of the adapter's own; it has to have an entry for every type.
        any_dtype: accept inputs of any dtype if modules of a node map do all the arithmetic.
    """
    name = dtype_name(dtype, () if reproducible else adapter.dtypes)
    adapter.require_dtype(name)
    default = adapter.node_map if default_map is ABSENT else default_map
    own = adapter.native, adapter.identity, default is not adapter.node_map
    assembly = assemble(graph_or_path, discretization, node_map, name, default, *own)
    chosen = node_surrogates(surrogate, assembly.schedule, assembly.nodes)
    adapter.require_dtype(assembly.dtype)
    modules = build_modules(assembly, adapter.is_module, adapter.expected)
    free = any_dtype and assembly.is_foreign
    reproducible = reproducible and not assembly.in_integers  # they are the same bits anyway
    return adapter.net(assembly, modules, assembly.dtype, chosen, detach_reset, reproducible, free)


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
    if isinstance(nir_node, nir.NIRGraph | str | os.PathLike):
        kind, free = ("float32", True) if dtype is None else (dtype, False)
        options = node_map, surrogate, detach_reset, default_map, free
        return build_network(adapter, nir_node, discretization, kind, False, *options)
    if not isinstance(nir_node, nir.NIRNode):
        found = type(nir_node).__name__
        raise InputError(f"{caller}: expected a NIR graph, a node or a path, got a {found}")
    name = None if dtype is None else dtype_name(dtype, adapter.dtypes)
    adapter.require_dtype(name)
    options = discretization, surrogate, detach_reset
    module = _single(adapter, nir_node, node_map, default_map, *options)
    _require_module(module, adapter.is_module, adapter.expected)
    return adapter.cast(module, name)


def _single(
    adapter: Adapter,
    node: Any,
    node_map: NodeHandlers | None,
    default_map: NodeHandlers | None,
    discretization: Discretization | None,
    surrogate: Any,
    detach_reset: bool,
) -> Any:
    require_type_map(node_map, "node_map", NODE_FORM)
    require_type_map(default_map, "default_map", NODE_FORM)
    kind = type(node)
    entry = find_type(kind)
    dynamics = entry.dynamics if entry else None
    handler = find_handler(kind, node_map, default_map)
    if handler is ABSENT and default_map is adapter.node_map and dynamics:
        handler = adapter.native
    if handler is ABSENT:
        raise GraphError([no_entry(kind.__name__, kind)])
    if handler is None:
        return adapter.identity()
    own = copy.deepcopy(node)  # the module's
    if not (isinstance(handler, type) and issubclass(handler, adapter.native)):
        rule = discretization or Discretization()
        return call_builder(handler, own, rule, "float32", kind.__name__)
    checked_node(own)
    if discretization is None and dynamics and dynamics.uses_dt:
        discretization = assumed_discretization()
    if not (dynamics and dynamics.spiking):
        return handler(own, discretization)
    surrogate_of_node(own, kind.__name__, surrogate)  # raises for what is none
    chosen = None if surrogate is None else resolve_surrogate(surrogate)
    return handler(own, discretization, chosen, detach_reset)


def build_modules(assembly: Assembly, is_module: Callable[[Any], bool], expected: str) -> list[Any]:
    """The module of every position; nodes that share one get the same object.

    Entries are None for nodes that nirx runs on a backend without modules.

    **Raises**: `InputError` for a `node_map` entry that did not return a module.
    """
    modules: list[Any] = []
    for position, place in enumerate(assembly.schedule.nodes):
        native = assembly.native.get(position)
        if position in assembly.custom:
            module = assembly.custom[position]
        elif native is None:  # it shares one, or the backend has none
            modules.append(None)
            continue
        else:
            assert place.dynamics is not None, "a node that no node map runs has dynamics"
            module = native(assembly.nodes[position], place.dynamics.rule)
        _require_module(module, is_module, expected, f"{place.name!r}: ")
        modules.append(module)
    return [modules[assembly.shared.get(p, p)] for p in range(len(modules))]


def _require_module(
    module: Any, is_module: Callable[[Any], bool], expected: str, where: str = ""
) -> None:
    if not is_module(module):
        found = type(module).__name__
        raise InputError(f"{where}node_map returned a {found}; expected {expected}")
