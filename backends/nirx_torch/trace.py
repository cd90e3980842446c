"""Tracing: the record of one step of a torch module, by torch.fx.

torch.fx, not torch.export: it keeps calls of submodules as they are written (a neuron is one
node, not the twenty operations inside it), keeps their names, and needs no example input.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch.fx.node import map_aggregate
from torch.fx.proxy import TraceError

from nirx.errors import InputError, UnsupportedError
from nirx_torch.mutation import StepProxy, kept_as_it_is, require_no_lost_writes

__all__ = ["Trace", "hidden_state", "trace"]

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
        constants: the tensors and other objects that it reads, by the names in the graph.
        pinned: the arguments of forward that were given a value.
    """

    graph: fx.Graph
    constants: dict[str, Any]
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

    **Raises**: `UnsupportedError` for control flow that depends on data, for random numbers
    and for writes into tensors that the graph would not show; `InputError`.
    """
    pinned = _pinned(module, concrete_args)
    try:
        first = _trace(module, is_leaf, pinned, {})
    except UnsupportedError:
        # Many a forward fills a list of its own where it is given no state (Norse does).
        if "state" in pinned or not _may_be_none(module, "state"):
            raise
        pinned["state"] = None
        first = _trace(module, is_leaf, pinned, {})
    if not first.hidden:
        return first
    # Only now it is known which attributes hold state; what reads them has to see it.
    return _trace(module, is_leaf, pinned, first.before)


def _pinned(module: torch.nn.Module, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the caller pins, and the arguments that are options with a default."""
    arguments = inspect.signature(module.forward).parameters
    for name in given or ():
        if name not in arguments:
            known = ", ".join(arguments)
            raise InputError(f"concrete_args has {name!r}; forward takes {known}")
    options = {k: p.default for k, p in arguments.items() if type(p.default) in OPTIONS}
    return {**options, **(given or {})}


OPTIONS = (bool, int, float, str)
"""Types of defaults that make an argument an option rather than an input."""


def _trace(
    module: torch.nn.Module,
    is_leaf: Callable[[torch.nn.Module], bool],
    pinned: dict[str, Any],
    slots: Mapping[Slot, Any],
) -> Trace:
    tracer = _Tracer(is_leaf, slots)
    with kept_as_it_is(module), _assignments_to(tracer, module), _factories():
        try:
            graph = tracer.trace(module, dict(pinned) or None)
        except (TraceError, TypeError) as error:
            if not (isinstance(error, TraceError) or any(n in str(error) for n in PROXIES)):
                raise
            raise UnsupportedError(
                f"{_place(tracer, module)}: its forward decides or loops by the values or the "
                f"length of a tensor ({str(error).splitlines()[0]:.80}); forward is to be one time "
                "step as straight code: call a loop over time outside" + _pin(module)
            ) from error
        read = {str(n.target) for n in graph.nodes if n.op == "get_attr"}
        constants = {name: _attribute(module, name) for name in sorted(read)}
    hidden = {slot: map_aggregate(v, _node) for slot, v in tracer.written.items()}
    require_no_lost_writes(graph, hidden, module)
    return Trace(graph, constants, tuple(pinned), hidden, dict(slots) or tracer.found)


PROXIES = ("Proxy", "'Attribute' object")
"""How torch.fx's stand-ins are called in what Python says of them."""


def _place(tracer: _Tracer, module: torch.nn.Module) -> str:
    """The innermost module whose forward could not be traced, which no map knows."""
    if not tracer.failed_in:
        return type(module).__name__
    kind = type(module.get_submodule(tracer.failed_in)).__name__
    return f"{tracer.failed_in} ({kind}, which no map knows)"


def _attribute(module: torch.nn.Module, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _pin(module: torch.nn.Module) -> str:
    """The hint to pin an argument, where one may be None."""
    names = [n for n in inspect.signature(module.forward).parameters if _may_be_none(module, n)]
    return f'; or pin an argument with concrete_args={{"{names[0]}": None}}' if names else ""


def _may_be_none(module: torch.nn.Module, name: str) -> bool:
    parameter = inspect.signature(module.forward).parameters.get(name)
    return parameter is not None and parameter.default is None


def _node(value: Any) -> Any:
    return value.node if isinstance(value, fx.Proxy) else value


class _Tracer(fx.Tracer):
    def __init__(self, is_leaf: Callable[[torch.nn.Module], bool], slots: Mapping[Slot, Any]):
        super().__init__()
        self.is_leaf, self.slots = is_leaf, slots
        self.written: dict[Slot, Any] = {}
        self.found: dict[Slot, Any] = {}
        self.failed_in = ""
        """The path of the innermost module that raised, if one did."""

    def call_module(self, m: torch.nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        try:
            return super().call_module(m, forward, args, kwargs)
        except (TraceError, TypeError):
            self.failed_in = self.failed_in or self.path_of_module(m)
            raise

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        return self.is_leaf(m) or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return StepProxy(node, self)

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> Any:
        made = super().create_args_for_root(root_fn, is_module, concrete_args)
        for path, name in self.slots:
            m = self.root.get_submodule(path)
            m._buffers.pop(name, None)
            vars(m)[name] = self.create_proxy("call_function", hidden_state, (path, name), {})
        return made


@contextmanager
def _factories() -> Iterator[None]:
    """Let functions that make tensors take sizes that are known at run time alone.

    torch.fx sees no call whose arguments are plain numbers, and so lets these fail.
    """
    plain = {name: getattr(torch, name) for name in FACTORIES}

    def seen(function: Callable[..., Any]) -> Callable[..., Any]:
        def make(*args: Any, **kwargs: Any) -> Any:
            found: list[fx.Proxy] = []
            map_aggregate(
                (args, kwargs), lambda a: found.append(a) if isinstance(a, fx.Proxy) else None
            )
            if not found:
                return function(*args, **kwargs)
            return found[0].tracer.create_proxy("call_function", function, args, kwargs)

        return make

    for name, function in plain.items():
        setattr(torch, name, seen(function))
    try:
        yield
    finally:
        for name, function in plain.items():
            setattr(torch, name, function)


FACTORIES = ("zeros", "ones", "full", "empty", "rand", "randn", "arange", "eye")


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
    map_aggregate(value, lambda leaf: found.append(isinstance(leaf, fx.Proxy)))
    return any(found)
