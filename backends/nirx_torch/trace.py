"""Tracing: the record of one step of a torch module, by torch.fx.

torch.fx, not torch.export: it keeps calls of submodules as they are written (a neuron is one
node, not the twenty operations inside it), keeps their names, and needs no example input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx

from nirx.errors import UnsupportedError

__all__ = ["Trace", "hidden_state", "place_of", "trace"]

Slot = tuple[str, str]
"""A module's path, and the attribute in which it keeps state."""


def hidden_state(module: str, attribute: str) -> Any:
    """Stands in a trace for what a step finds in a module's attribute."""
    raise AssertionError("only ever traced")


@dataclass
class Trace:
    """One step.

    Arguments:
        graph: what was computed.
        hidden: what the step leaves in attributes of modules, in place of what it found there.
        before: what the attributes hold before the first step.
        pinned: the arguments of forward that were given a value.
    """

    graph: fx.Graph
    pinned: tuple[str, ...] = ()
    hidden: dict[Slot, Any] = field(default_factory=dict)
    before: dict[Slot, Any] = field(default_factory=dict)


def trace(
    module: torch.nn.Module,
    is_leaf: Callable[[torch.nn.Module], bool],
    concrete_args: Mapping[str, Any] | None,
) -> Trace:
    """Trace a module; afterwards it is as it was.

    Arguments:
        is_leaf: modules that are one node, whatever is inside them.
        concrete_args: arguments that are no inputs, with their values.

    **Raises**: `UnsupportedError` for control flow that depends on data.
    """
    first = _trace(module, is_leaf, concrete_args, {})
    if not first.hidden:
        return first
    # Only now it is known which attributes hold state; what reads them has to see it.
    return _trace(module, is_leaf, concrete_args, first.before)


def _trace(
    module: torch.nn.Module,
    is_leaf: Callable[[torch.nn.Module], bool],
    concrete_args: Mapping[str, Any] | None,
    slots: Mapping[Slot, Any],
) -> Trace:
    tracer = _Tracer(is_leaf, slots)
    with _kept_as_it_is(module), _assignments_to(tracer, module):
        try:
            graph = tracer.trace(module, dict(concrete_args) if concrete_args else None)
        except fx.proxy.TraceError as error:
            raise UnsupportedError(
                f"{type(module).__name__}: its forward decides or loops by the values or the "
                f"length of a tensor ({error}); write one time step as straight code, or pin an "
                'argument with concrete_args={"state": None}'
            ) from error
    hidden = {slot: fx.node.map_aggregate(v, _node) for slot, v in tracer.written.items()}
    return Trace(graph, tuple(concrete_args or ()), hidden, dict(slots) or tracer.found)


def _node(value: Any) -> Any:
    return value.node if isinstance(value, fx.Proxy) else value


class _Tracer(fx.Tracer):
    def __init__(self, is_leaf: Callable[[torch.nn.Module], bool], slots: Mapping[Slot, Any]):
        super().__init__()
        self.is_leaf, self.slots = is_leaf, slots
        self.written: dict[Slot, Any] = {}
        self.found: dict[Slot, Any] = {}

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        return self.is_leaf(m) or super().is_leaf_module(m, module_qualified_name)

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> Any:
        made = super().create_args_for_root(root_fn, is_module, concrete_args)
        for path, name in self.slots:
            m = self.root.get_submodule(path)
            m._buffers.pop(name, None)
            vars(m)[name] = self.create_proxy("call_function", hidden_state, (path, name), {})
        return made


@contextmanager
def _kept_as_it_is(module: torch.nn.Module) -> Iterator[None]:
    """Undo what tracing and the module's own forward leave in its attributes."""
    kept = [(m, dict(vars(m)), dict(m._buffers)) for m in module.modules()]
    try:
        yield
    finally:
        for m, attributes, buffers in kept:
            vars(m).clear()
            vars(m).update(attributes)
            m._buffers.clear()
            m._buffers.update(buffers)


@contextmanager
def _assignments_to(tracer: _Tracer, root: torch.nn.Module) -> Iterator[None]:
    """Note every traced value that the forward assigns to an attribute of a module."""
    paths = {id(m): path for path, m in reversed(list(root.named_modules()))}
    plain = torch.nn.Module.__setattr__

    def assign(m: torch.nn.Module, name: str, value: Any) -> None:
        path = paths.get(id(m))
        if path is None or not _holds_proxy(value):
            plain(m, name, value)
            return
        slot = path, name
        if slot not in tracer.written:
            tracer.found[slot] = vars(m).get(name, m._buffers.get(name))
        tracer.written[slot] = value
        m._buffers.pop(name, None)
        vars(m)[name] = value

    torch.nn.Module.__setattr__ = assign  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.nn.Module.__setattr__ = plain  # type: ignore[method-assign]


def _holds_proxy(value: Any) -> bool:
    found = []
    fx.node.map_aggregate(value, lambda leaf: found.append(isinstance(leaf, fx.Proxy)))
    return any(found)


def place_of(node: fx.Node, root: torch.nn.Module) -> str:
    """Where in the model an operation stands, for an error."""
    stack = node.meta.get("nn_module_stack") or {}
    path = next(reversed(stack), "")
    return f"at {path}" if path else f"in {type(root).__name__}.forward"
