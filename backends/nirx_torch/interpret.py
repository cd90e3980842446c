"""Interpret a trace: every operation tells the draft what it is in NIR."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.fx._symbolic_trace import _assert_is_none
from torch.fx.node import map_arg

from nirx.errors import InputError, UnsupportedError, warn_caller
from nirx.exporting import call_exporter
from nirx.runners import takes_state
from nirx.tracing.draft import Draft
from nirx.tracing.value import Value
from nirx.type_map import ABSENT, Handler, find_handler
from nirx_torch.functional import FUNCTIONS, KEYWORDS, METHODS
from nirx_torch.lowering import (
    Call,
    Constant,
    Dimension,
    LeafResult,
    LeafState,
    Shape,
    StateIn,
    zero,
)
from nirx_torch.mutation import place_of
from nirx_torch.native import NativeNode
from nirx_torch.trace import Trace, hidden_state

__all__ = ["Exporters", "interpret"]


class Exporters:
    """The maps of one export; a module is exported once, however often it is called."""

    def __init__(
        self,
        module_map: Mapping[type, Handler | None] | None,
        default_map: Mapping[type, Handler | None] | None,
        stateful: tuple[type, ...],
    ):
        self.maps = module_map, default_map
        self.stateful = stateful
        self.done: dict[int, Any] = {}

    def is_leaf(self, module: torch.nn.Module) -> bool:
        """Whether a map knows the module."""
        return find_handler(type(module), *self.maps) is not ABSENT

    def has_state(self, module: torch.nn.Module) -> bool:
        """Whether the module's call gives (y, state)."""
        return isinstance(module, self.stateful) or (
            takes_state(module.forward) and _remembers(module)
        )

    def export(self, module: torch.nn.Module, where: str) -> Any:
        """The module's node, or None to bypass it. **Raises** `UnsupportedError`."""
        if id(module) not in self.done:
            exporter = find_handler(type(module), *self.maps)
            if exporter is ABSENT:
                kind = type(module)
                prefix = "torch.nn." if kind.__module__.startswith("torch.nn") else ""
                raise UnsupportedError(
                    f"{prefix}{kind.__name__} at {where} has no NIR node; give it an entry in "
                    f"module_map: {{{prefix}{kind.__name__}: function from the module to a NIR "
                    "node, or None to bypass it}"
                )
            try:
                node = None if exporter is None else call_exporter(exporter, module, where)
            except UnsupportedError as error:
                raise UnsupportedError(f"{where}: {error}") from error
            self.done[id(module)] = module, node  # the module too, so that its id stays taken
        return self.done[id(module)][1]


def _remembers(module: torch.nn.Module) -> bool:
    """nirx's own modules take a state, but give one only where the node has memory."""
    return module.has_memory if isinstance(module, NativeNode) else True


def interpret(module: torch.nn.Module, trace: Trace, exporters: Exporters, shapes: Any) -> Draft:
    """The draft of a traced module.

    Arguments:
        shapes: of the inputs: one, {argument: shape} or None.

    **Raises**: `UnsupportedError`, `InputError`.
    """
    return _Interpreter(module, trace, exporters, shapes).run()


class _Interpreter:
    def __init__(self, module: torch.nn.Module, trace: Trace, exporters: Exporters, shapes: Any):
        self.module, self.trace, self.exporters = module, trace, exporters
        self.draft = Draft()
        self.flows: dict[fx.Node, Any] = {}
        self.inputs: dict[str, Value] = {}
        self.loops: dict[tuple[Any, tuple[Any, ...]], Value] = {}
        self.stateful_calls: list[LeafResult] = []
        self.result = next(n for n in reversed(trace.graph.nodes) if n.op == "output").args[0]
        self.arguments = [n.target for n in trace.graph.nodes if n.op == "placeholder"]
        self.shapes = self._shapes(shapes)

    def run(self) -> Draft:
        live = self._live()
        for node in self.trace.graph.nodes:
            if node in live and node.op != "output":
                self.flows[node] = self._flow(node)
        outputs, new_state = self._split(self._resolved(self.result))
        self._require_states_returned(new_state)
        self._outputs(outputs)
        self._close(new_state)
        if len(self.inputs) == 1:
            self.draft.rename(next(iter(self.inputs)), "input")
        return self.draft

    # -- what flows -------------------------------------------------------------------

    def _live(self) -> set[fx.Node]:
        """What the result or the hidden state depends on."""
        work: list[fx.Node] = []
        map_arg((self.result, list(self.trace.hidden.values())), work.append)
        live: set[fx.Node] = set()
        while work:
            node = work.pop()
            if node not in live:
                live.add(node)
                work += node.all_input_nodes
        return live

    def _flow(self, node: fx.Node) -> Any:
        if node.op == "placeholder":
            return StateIn(str(node.target))
        if node.op == "get_attr":
            return Constant(self.trace.constants[str(node.target)])
        if node.op == "call_module":
            return self._leaf(node)
        arguments = self._resolved(node.args)
        keywords = self._resolved(dict(node.kwargs))
        if node.target is hidden_state:
            return StateIn(tuple(a.content for a in arguments))
        if node.target is _assert_is_none:
            return Constant(None)
        if node.op == "call_function" and _is_record(node.target):
            return _record(node.target, arguments, keywords)
        flows = [*_flat(arguments), *_flat(keywords)]
        if all(isinstance(a, Constant) for a in flows):
            return self._constant(node, arguments, keywords)
        if _is_getitem(node) and not isinstance(arguments[0], Constant):
            taken = self._taken(node, arguments[0], arguments[1])
            if taken is not ABSENT:
                return taken
        if node.target is getattr and isinstance(arguments[0], StateIn):
            name = arguments[1].content
            if name not in ("shape", "device", "dtype"):
                return StateIn(arguments[0].root, (*arguments[0].path, name))
        return self._operation(node, arguments, keywords)

    def _constant(self, node: fx.Node, arguments: Any, keywords: Any) -> Any:
        args, kwargs = _plain(arguments), _plain(keywords)
        with torch.no_grad():
            if node.op == "call_method":
                return Constant(getattr(args[0], str(node.target))(*args[1:], **kwargs))
            assert callable(node.target)
            return Constant(node.target(*args, **kwargs))

    def _operation(self, node: fx.Node, arguments: Any, keywords: Any) -> Any:
        method = node.op == "call_method"
        lowering = METHODS.get(str(node.target)) if method else FUNCTIONS.get(node.target)
        place = f"{_label(node)} {place_of(node, self.module)}"
        if lowering is None:
            raise UnsupportedError(
                f"{place} has no NIR node; put it into a module of its own and give that an "
                "entry in module_map"
            )
        unknown = sorted(set(keywords) - KEYWORDS[lowering])
        if unknown:
            raise UnsupportedError(f"{place} has {unknown[0]}=, which has no NIR node")
        call = Call(self.draft, self._name(node), place, arguments, keywords, self._value)
        try:
            return lowering(call)
        except UnsupportedError as error:
            if place in str(error):
                raise
            raise UnsupportedError(f"{place}: {error}") from error

    def _taken(self, node: fx.Node, owner: Any, index: Any) -> Any:
        """owner[index], where that is no operation on a tensor."""
        key = index.content if isinstance(index, Constant) else index
        if isinstance(owner, Shape):
            return Dimension(key) if isinstance(key, int) else Shape()
        if isinstance(owner, LeafResult):
            return owner.value if key == 0 else LeafState(owner, (key,))
        if isinstance(owner, LeafState):
            return LeafState(owner.result, (*owner.path, key))
        if isinstance(owner, StateIn) and isinstance(key, int | str):
            return StateIn(owner.root, (*owner.path, key))
        if isinstance(owner, Value):
            raise UnsupportedError(
                f"indexing {place_of(node, self.module)} has no NIR node; forward is to be one "
                "time step, and a module that returns (output, state) belongs into "
                "stateful_modules unless its forward has an argument `state`"
            )
        return ABSENT

    # -- modules ----------------------------------------------------------------------

    def _leaf(self, node: fx.Node) -> Any:
        path = str(node.target)
        module = self.module.get_submodule(path)
        exported = self.exporters.export(module, path)
        keywords = self._resolved(dict(node.kwargs))
        given = [*self._resolved(node.args)]
        if not given:  # by name, in any order
            names = [n for n in inspect.signature(module.forward).parameters if n in keywords]
            given = [keywords.pop(names[0])] if names else given
        if not given:
            raise UnsupportedError(f"{path} is called without a value")
        first, *others = [*given, *keywords.values()]
        value = self._value(first)
        if not isinstance(value, Value):
            raise UnsupportedError(f"{path} works on a constant, which NIR has no node for")
        state_in = [part for part in _flat(others) if not _is_nothing(part)]
        for part in state_in:
            self._require_own_state(path, part)
        if exported is not None:
            value = self.draft.node(path, exported, value, path)
        if not (others or self.exporters.has_state(module)):
            return value
        result = LeafResult(value, path, state_in)
        if exported is not None:
            self.stateful_calls.append(result)
        return result

    def _require_own_state(self, path: str, part: Any) -> None:
        if isinstance(part, StateIn | Constant):
            return
        if isinstance(part, LeafState):
            other = part.result.module
            what = "takes two steps in one" if other == path else f"takes the state of {other}"
            raise UnsupportedError(f"{path} {what}, which has no NIR node")
        raise UnsupportedError(f"{path} takes several values; add them up before it")

    # -- values -----------------------------------------------------------------------

    def _value(self, flow: Any) -> Any:
        """What flows as a value of the network; constants stay constants."""
        if isinstance(flow, LeafResult):
            return flow.value
        if isinstance(flow, StateIn):
            return self._read(flow)
        if isinstance(flow, Value | Constant):
            return flow
        raise UnsupportedError(f"a {type(flow).__name__} is no value of the network")

    def _read(self, state: StateIn) -> Value:
        """An input, or what the step before left."""
        is_state = isinstance(state.root, tuple) or (state.root == "state" and self._has_state())
        if not is_state:
            if state.path:
                raise UnsupportedError(
                    f"indexing argument {state.root!r} has no NIR node; forward is to be one time "
                    "step on tensors"
                )
            name = str(state.root)
            if name not in self.inputs:
                self.inputs[name] = self.draft.input(name, self.shapes.get(name))
            return self.inputs[name]
        key = state.root, state.path
        if key not in self.loops:
            self.loops[key] = self.draft.late(_loop_name(*key))
        return self.loops[key]

    def _has_state(self) -> bool:
        """Whether the argument `state` is the state: forward then gives (y, state)."""
        pair = isinstance(self.result, tuple | list) and len(self.result) == 2
        return pair or (
            isinstance(self.result, fx.Node) and isinstance(self.flows.get(self.result), LeafResult)
        )

    # -- the ends ---------------------------------------------------------------------

    def _split(self, result: Any) -> tuple[Any, Any]:
        if isinstance(result, LeafResult):
            return result.value, LeafState(result)
        pair = isinstance(result, tuple | list) and len(result) == 2
        if not (pair and takes_state(self.module.forward)):
            return result, None
        if "state" in self.trace.pinned:
            self._require_no_values(result[1])
        return result[0], result[1]

    def _require_states_returned(self, new_state: Any) -> None:
        """Every module has to find the state that it left itself: NIR's nodes do."""
        hidden = {slot: self._resolved(left) for slot, left in self.trace.hidden.items()}
        given = takes_state(self.module.forward) and "state" not in self.trace.pinned
        threads = given and new_state is not None
        for call in self.stateful_calls:
            own = [part for part in call.state_in if isinstance(part, StateIn)]
            module = self.module.get_submodule(call.module)
            if threads and not own and takes_state(module.forward) and _remembers(module):
                raise UnsupportedError(
                    f"{call.module} starts afresh in every step: forward passes it no part of its "
                    "argument `state`"
                )
            for part in own:
                if isinstance(part.root, tuple):
                    after = hidden.get(part.root)
                elif part.root == "state" and threads:
                    after = new_state
                else:
                    continue  # an argument: what comes back as it is the caller's affair
                found = _after(after, part.path)
                own_state = isinstance(found, LeafState) and found.result is call
                if not own_state and found is not call.value:  # its last output may be state too
                    raise UnsupportedError(
                        f"{call.module} reads {_loop_name(part.root, part.path)!r}, where forward "
                        "does not leave the state that it gives back"
                    )

    def _require_no_values(self, state: Any) -> None:
        if any(isinstance(part, Value) and part.sources for part in _flat(state)):
            raise UnsupportedError(
                f"{type(self.module).__name__}.forward returns a state that holds more than the "
                "states of its modules, but concrete_args pins its argument `state`, so what "
                "becomes of it is not seen; leave it out of concrete_args"
            )

    def _outputs(self, result: Any) -> None:
        states = {part.root for call in self.stateful_calls for part in call.state_in}
        named = [(name, part) for name, part in _named(result) if not _is_state(part, states)]
        if not named:
            raise UnsupportedError(f"{type(self.module).__name__}.forward returns no value")
        for name, part in named:
            value = self._value(part)
            if not isinstance(value, Value):
                raise UnsupportedError(f"output {name!r} is a constant, which NIR has no node for")
            self.draft.output("output" if len(named) == 1 else name, value)

    def _close(self, new_state: Any) -> None:
        hidden = {slot: self._resolved(left) for slot, left in self.trace.hidden.items()}
        closed = set()
        while len(closed) < len(self.loops):  # what closes one may read another
            for key, late in list(self.loops.items()):
                if key in closed:
                    continue
                closed.add(key)
                root, path = key
                after = hidden.get(root) if isinstance(root, tuple) else new_state
                self.draft.close(late, self._new(after, root, path))
                if isinstance(root, tuple):
                    self._warn_of_start(root)

    def _new(self, after: Any, root: Any, path: tuple[Any, ...]) -> Value:
        """What a step leaves at a place of its state."""
        found = _after(after, path)
        if found is None or isinstance(found, Dimension | Shape):
            raise UnsupportedError(
                f"{_loop_name(root, path)}: forward reads it but leaves no value"
            )
        if isinstance(found, LeafState):
            raise UnsupportedError(
                f"{_loop_name(root, path)}: the state of {found.result.module} is read as a value"
            )
        value = self._value(found)
        if not isinstance(value, Value):
            if np.any(np.asarray(value.content)):
                raise UnsupportedError(f"{_loop_name(root, path)}: forward leaves a constant there")
            return zero()
        return value

    def _warn_of_start(self, slot: tuple[str, str]) -> None:
        start = self.trace.before.get(slot)
        if isinstance(start, torch.Tensor) and bool(start.detach().any()):
            warn_caller(
                f"{_loop_name(slot, ())} does not start at zero; a NIR graph holds no start, "
                "pass it as state to the network"
            )

    # -- small things -----------------------------------------------------------------

    def _resolved(self, tree: Any) -> Any:
        """A nest of fx nodes with what flows there; what is no node is a constant."""
        if isinstance(tree, fx.Node):
            return self.flows[tree]
        if isinstance(tree, tuple) and hasattr(tree, "_fields"):
            return type(tree)(*(self._resolved(part) for part in tree))
        if isinstance(tree, tuple | list):
            return tuple(self._resolved(part) for part in tree)
        if isinstance(tree, dict):
            return {k: self._resolved(v) for k, v in tree.items()}
        return Constant(tree)

    def _name(self, node: fx.Node) -> str:
        stack = node.meta.get("nn_module_stack") or {}
        path = next(reversed(stack), "")
        name = getattr(node.target, "__name__", str(node.target))
        return f"{path}.{name}" if path else name

    def _shapes(self, shapes: Any) -> dict[str, tuple[int, ...]]:
        if shapes is None:
            return {}
        if isinstance(shapes, Mapping):
            for name in shapes:
                if name not in self.arguments:
                    known = ", ".join(map(str, self.arguments))
                    raise InputError(f"input_shape has {name!r}; forward takes {known}")
            return {name: _shape(shape) for name, shape in shapes.items()}
        return {str(self.arguments[0]): _shape(shapes)}


def _shape(value: Any) -> tuple[int, ...]:
    try:
        return tuple(int(n) for n in np.atleast_1d(value))
    except (TypeError, ValueError) as error:
        raise InputError(f"input_shape={value!r}; expected whole numbers") from error


def _is_getitem(node: fx.Node) -> bool:
    return getattr(node.target, "__name__", "") == "getitem"


def _label(node: fx.Node) -> str:
    if node.op == "call_method":
        return f"torch.Tensor.{node.target}"
    name = getattr(node.target, "__name__", str(node.target))
    owner = getattr(node.target, "__module__", None) or "torch"
    owner = "operator" if owner == "_operator" else owner
    return f"{owner.replace('torch._C._nn', 'torch.nn.functional')}.{name}"


def _flat(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in _flat(part)]
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in _flat(part)]
    return [tree]


def _plain(tree: Any) -> Any:
    if isinstance(tree, Constant):
        return tree.content
    if isinstance(tree, dict):
        return {k: _plain(v) for k, v in tree.items()}
    return tuple(_plain(part) for part in tree)


def _is_nothing(part: Any) -> bool:
    return isinstance(part, Constant) or (isinstance(part, Value) and not part.sources)


def _is_state(part: Any, states: set[Any]) -> bool:
    """Whether a part of the result is no output: None, or the state of a module."""
    if isinstance(part, StateIn):
        return isinstance(part.root, tuple) or part.root in states
    return isinstance(part, LeafState) or (isinstance(part, Constant) and part.content is None)


def _named(result: Any, name: str = "output") -> list[tuple[str, Any]]:
    """The leaves of what forward returns, each with a name."""
    if isinstance(result, dict):
        return [pair for k, v in result.items() for pair in _named(v, str(k))]
    if isinstance(result, tuple | list):
        return [pair for i, v in enumerate(result) for pair in _named(v, f"{name}_{i}")]
    return [(name, result)]


def _at(tree: Any, key: Any) -> Any:
    try:
        return (
            getattr(tree, key) if isinstance(key, str) and hasattr(tree, "_fields") else tree[key]
        )
    except (KeyError, IndexError, TypeError, AttributeError):
        return None


def _after(tree: Any, path: tuple[Any, ...]) -> Any:
    """What stands at the end of a path into a state, or around it."""
    for key in path:
        if isinstance(tree, StateIn | LeafState):
            break
        tree = _at(tree, key)
    return tree


def _is_record(target: Any) -> bool:
    return isinstance(target, type) and (hasattr(target, "_fields") or is_dataclass(target))


def _record(kind: Any, arguments: Any, keywords: Any) -> Any:
    """A NamedTuple or a dataclass, which torch.fx takes for a call; as a tuple or a dict."""
    if issubclass(kind, tuple):
        return kind(*arguments, **keywords)
    names = [field.name for field in fields(kind)]
    return {**dict(zip(names, arguments, strict=False)), **keywords}


def _loop_name(root: Any, path: tuple[Any, ...]) -> str:
    if isinstance(root, tuple):
        root = ".".join(part for part in root if part)
    return ".".join(map(str, (root, *path)))
