"""Tracing: the record of one time step of a torch module, by torch.fx.

torch.fx rather than torch.export, because it keeps calls of submodules as they are written (a
neuron is one node, not the twenty operations in it), keeps their names, and needs no example
input.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import torch
from torch import fx
from torch.fx.node import map_aggregate
from torch.fx.proxy import TraceError

from nirx.errors import InputError, UnsupportedError
from nirx_torch.held_values import has_own_forward
from nirx_torch.in_place_writes import kept_as_it_is, require_no_lost_writes, user_line
from nirx_torch.step_proxy import StepProxy

__all__ = [
    "ShapeFinder",
    "Slot",
    "StepTracer",
    "Trace",
    "assignments_to",
    "hidden_state",
    "may_be_none",
    "pinned_arguments",
    "trace",
    "untraceable",
]

ShapeFinder = Callable[[fx.Graph], Callable[[fx.Node], tuple[int, ...] | None]]
"""Graph of a trace under way -> its values -> the shape of one sample; see `known_shapes`."""

Slot = tuple[str, str]
"""A module's path, and the attribute in which it keeps state."""


def hidden_state(module: str, attribute: str) -> Any:
    """Stands in a trace for what a step finds in a module's attribute."""
    raise AssertionError("only traced, never called")


@dataclass
class Trace:
    """One time step.

    Arguments:
        graph: what it computes.
        constants: the tensors and other objects that it reads, by their names in the graph.
        pinned: the arguments of forward that have a fixed value.
        hidden: what it leaves in attributes of modules, instead of what it found there.
        before: what these attributes hold before the first step.
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
    shapes: ShapeFinder | None = None,
) -> Trace:
    """Trace a module, which is left as it is.

    Arguments:
        module: the module.
        is_leaf: whether a module is a single node, whatever is inside it.
        concrete_args: {argument: value}, for arguments that are not inputs.
        shapes: see `shape_finder`; None if forward learns no shapes.

    **Raises**: `UnsupportedError` for control flow that depends on data, for random numbers
    and for writes into tensors that the graph would not show; `InputError`.
    """
    pinned = pinned_arguments(module, concrete_args)
    try:
        first = _trace(module, is_leaf, pinned, {}, shapes)
    except UnsupportedError:
        # Norse and others fill a list of states themselves if they are given None.
        if "state" in pinned or not may_be_none(module, "state"):
            raise
        pinned["state"] = None
        first = _trace(module, is_leaf, pinned, {}, shapes)
    if not first.hidden:
        return first
    # Which attributes hold state is known only now; the second trace records their reads too.
    return _trace(module, is_leaf, pinned, first.before, shapes)


def pinned_arguments(module: torch.nn.Module, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The arguments that the caller fixes, and the options with a default."""
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
    shapes: ShapeFinder | None,
) -> Trace:
    tracer = StepTracer(is_leaf, slots, shapes)
    with kept_as_it_is(module), assignments_to(tracer, module):
        try:
            graph = tracer.trace(module, dict(pinned) or None)
        except (TraceError, TypeError) as error:
            raise untraceable(tracer, module, error) from error
        read = {str(n.target) for n in graph.nodes if n.op == "get_attr"}
        constants = {name: attrgetter(name)(module) for name in sorted(read)}
    hidden = {slot: map_aggregate(v, _node) for slot, v in tracer.written.items()}
    require_no_lost_writes(graph, hidden, module)
    return Trace(graph, constants, tuple(pinned), hidden, dict(slots) or tracer.found)


def untraceable(tracer: StepTracer, module: torch.nn.Module, error: Exception) -> UnsupportedError:
    """The error for control flow on values. **Raises** the given error if it is another one."""
    if isinstance(error, TypeError) and not any(name in str(error) for name in PROXIES):
        raise error
    return UnsupportedError(
        f"{_place(tracer, module)}: its forward branches or loops on the values or the "
        f"length of a tensor ({str(error).splitlines()[0]:.80}); forward must be one time "
        "step without such control flow, or do the same in every step of a loop over time"
        + _pin(module)
    )


PROXIES = ("Proxy", "'Attribute' object")
"""What Python's error messages call the stand-ins of torch.fx."""


def _place(tracer: StepTracer, module: torch.nn.Module) -> str:
    """The innermost module whose forward could not be traced."""
    if not tracer.failed_in:
        return type(module).__name__
    kind = type(module.get_submodule(tracer.failed_in)).__name__
    return f"{tracer.failed_in} ({kind}, which no map has an entry for)"


def _pin(module: torch.nn.Module) -> str:
    """The hint to pin an argument, if one may be None."""
    names = [n for n in inspect.signature(module.forward).parameters if may_be_none(module, n)]
    return f'; or pin an argument with concrete_args={{"{names[0]}": None}}' if names else ""


def may_be_none(module: torch.nn.Module, name: str) -> bool:
    parameter = inspect.signature(module.forward).parameters.get(name)
    return parameter is not None and parameter.default is None


def _node(value: Any) -> Any:
    return value.node if isinstance(value, fx.Proxy) else value


class StepTracer(fx.Tracer):
    def __init__(
        self,
        is_leaf: Callable[[torch.nn.Module], bool],
        slots: Mapping[Slot, Any],
        shapes: ShapeFinder | None,
    ):
        # torch.fx does not see a call without a tensor, such as torch.zeros(x.shape[0], 3), nor
        # into einops, which asks for the type of what it gets.
        einops = sys.modules.get("einops")
        rearrange = () if einops is None else (einops.rearrange,)
        super().__init__(autowrap_functions=(*FACTORIES, *rearrange))
        self._autowrap_search += [torch] if einops is None else [torch, einops]
        self.is_leaf, self.slots, self.shapes = is_leaf, slots, shapes
        self.asking = False
        """Whether shapes are looked up, which reads parameters themselves rather than stand-ins."""
        self.found_shapes: Callable[[fx.Node], Any] | None = None
        self.written: dict[Slot, Any] = {}
        self.found: dict[Slot, Any] = {}
        self.failed_in = ""
        """The path of the innermost module that raised, if one did."""

    def refuse_assigned_item(self, place: str) -> None:
        """Raise the error for `y[0] = x`, in a module of this path."""
        raise UnsupportedError(
            f"{place or 'forward'} assigns to an item of a tensor or of its state, which has no "
            'NIR node; create a new one, or pin it with concrete_args={"state": None}'
        )

    def batch_of(self, value: fx.Proxy) -> fx.Proxy:
        """The batch size, which is a symbol."""
        return self.create_proxy("call_method", "size", (value, 0), {})

    def note_reset(self, path: str) -> None:
        """Called when forward changes a mapped module's own state."""

    def shape_of(self, node: fx.Node) -> tuple[int, ...] | None:
        """The shape of one sample of a value, if the layers before it tell."""
        if self.shapes is None or self.asking:
            return None
        if self.found_shapes is None:
            self.found_shapes = self.shapes(self.graph)
        self.asking = True
        try:
            return self.found_shapes(node)
        finally:
            self.asking = False

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if self.asking:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def call_module(self, m: torch.nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if self.asking:
            return forward(*args, **kwargs)
        try:
            return super().call_module(m, forward, args, kwargs)
        except (TraceError, TypeError):
            self.failed_in = self.failed_in or self.path_of_module(m)
            raise

    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        if self.is_leaf(m):
            return True
        return super().is_leaf_module(m, module_qualified_name) and not has_own_forward(m)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        node.meta["line"] = user_line()
        return node

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return StepProxy(node, self)

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> Any:
        made = super().create_args_for_root(root_fn, is_module, concrete_args)
        for path, name in self.slots:
            m = self.root.get_submodule(path)
            m._buffers.pop(name, None)
            vars(m)[name] = self.create_proxy("call_function", hidden_state, (path, name), {})
        return made


FACTORIES = (
    *(torch.zeros, torch.ones, torch.full, torch.empty),
    *(torch.rand, torch.randn, torch.arange, torch.eye),
)
"""Functions that make tensors of sizes that may be known at run time only."""


@contextmanager
def assignments_to(tracer: StepTracer, root: torch.nn.Module) -> Iterator[None]:
    """Record every traced value that forward assigns to an attribute of a module."""
    paths = {id(m): path for path, m in reversed(list(root.named_modules()))}
    plain = torch.nn.Module.__setattr__

    def assign(m: torch.nn.Module, name: str, value: Any) -> None:
        path = paths.get(id(m))
        if path is None or not _holds_proxy(value):
            if path and tracer.is_leaf(m):
                tracer.note_reset(path)
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
