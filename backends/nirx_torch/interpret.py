"""Interpret a trace: translate every operation into the nodes and edges of a draft."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.fx._symbolic_trace import _assert_is_none
from torch.fx.node import map_arg

from nirx.basics.type_map import ABSENT
from nirx.dynamics.node_types import has_neuron
from nirx.errors import InputError, UnsupportedError
from nirx.tracing.draft import Draft
from nirx.tracing.membranes import membrane_value
from nirx.tracing.value import Value
from nirx_torch.exporters import Exporters, starts_afresh
from nirx_torch.functional import FUNCTIONS, KEYWORDS, METHODS
from nirx_torch.in_place_writes import place_of
from nirx_torch.lowering import Call, Constant, Dimension, LeafResult, LeafState, Shape, StateIn
from nirx_torch.outputs_and_state import OutputsAndState
from nirx_torch.trace import Trace, hidden_state
from nirx_torch.trees import flat, is_nothing, is_record, plain, record

__all__ = ["TorchInterpreter"]


class TorchInterpreter(OutputsAndState):
    """Makes a draft of a traced module; `shapes` of the inputs: one, {argument: shape} or None.

    **Raises**: `UnsupportedError`, `InputError`.
    """

    def __init__(self, module: torch.nn.Module, trace: Trace, exporters: Exporters, shapes: Any):
        super().__init__(module, trace)
        self.exporters = exporters
        self.flows: dict[fx.Node, Any] = {}
        self.result = next(n for n in reversed(trace.graph.nodes) if n.op == "output").args[0]
        self.arguments = [n.target for n in trace.graph.nodes if n.op == "placeholder"]
        self.shapes = self._shapes(shapes)

    def run(self) -> Draft:
        """The draft."""
        live = self._live()
        for node in self.trace.graph.nodes:
            if node in live and node.op != "output":
                self.flows[node] = self._flow(node)
        self._end(self._resolved(self.result))
        return self.finish()

    # -- what flows -------------------------------------------------------------------

    def _live(self) -> set[fx.Node]:
        """The fx nodes that the result or the hidden state depends on."""
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
        if node.op == "call_function" and is_record(node.target):
            return record(node.target, arguments, keywords)
        flows = [*flat(arguments), *flat(keywords)]
        if all(isinstance(a, Constant) for a in flows):
            return self._constant(node, arguments, keywords)
        if _is_getitem(node) and not isinstance(arguments[0], Constant):
            taken = self._taken(node, arguments[0], arguments[1])
            if taken is not ABSENT:
                return taken
        if node.target is getattr and isinstance(arguments[0], StateIn | LeafState):
            name = arguments[1].content
            if name not in ("shape", "device", "dtype"):
                return replace(arguments[0], path=(*arguments[0].path, name))
        return self._operation(node, arguments, keywords)

    def _constant(self, node: fx.Node, arguments: Any, keywords: Any) -> Any:
        args, kwargs = plain(arguments), plain(keywords)
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
            raise UnsupportedError(f"{place} has no NIR node; {self._mend(node)}")
        unknown = sorted(set(keywords) - KEYWORDS[lowering])
        if unknown:
            raise UnsupportedError(f"{place} has {unknown[0]}=, which has no NIR node")
        call = Call(self.draft, self._name(node), place, arguments, keywords, self._value)
        return call.lower(lowering)

    def _mend(self, node: fx.Node) -> str:
        """The suggested fix: map the module that contains the operation."""
        path = next(reversed(node.meta.get("nn_module_stack") or {}), "")
        kind = type(self.module.get_submodule(path)).__name__ if path else ""
        if not path:
            return "move it into a module and add that to module_map"
        return (
            f"{path} is a {kind}, which no map has an entry for: add it to module_map: "
            f"{{{kind}: function from the module to a NIR node}}"
        )

    def _taken(self, node: fx.Node, owner: Any, index: Any) -> Any:
        """owner[index], unless that is an operation on constants."""
        key = index.content if isinstance(index, Constant) else index
        if isinstance(owner, Shape):
            return Dimension(key) if isinstance(key, int) else Shape()
        if isinstance(owner, LeafResult):
            owner.unpacked = True
            return owner.value if key == 0 else LeafState(owner, (key,))
        if isinstance(owner, LeafState):
            return LeafState(owner.result, (*owner.path, key))
        if isinstance(owner, StateIn) and isinstance(key, int | str):
            return StateIn(owner.root, (*owner.path, key))
        if isinstance(owner, Value):
            raise UnsupportedError(
                f"indexing {place_of(node, self.module)} has no NIR node; forward must be one time "
                "step, and a module that returns (output, state) belongs in stateful_modules "
                "unless its forward has an argument `state`"
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
            raise UnsupportedError(f"{path} is applied to a constant, which has no NIR node")
        for part in flat(others):
            self._require_own_state(path, part)
        state_in = [part for part in flat(others) if not is_nothing(part)]
        if exported is not None:
            self._require_one_state(path, module, exported, bool(others))
            value = self.draft.node(path, exported, value, path)
        if not (others or self.exporters.has_state(module)):
            return value
        result = LeafResult(value, path, state_in)
        if exported is not None:
            self.stateful_calls.append(result)
        return result

    def _require_one_state(self, path: str, module: Any, node: Any, given: bool) -> None:
        """A neuron that keeps its state in itself has a single one, however often it is called."""
        keeps = not given and not starts_afresh(module) and has_neuron(node)
        if keeps and path in self.draft.modules.values():
            raise UnsupportedError(
                f"{path} ({type(module).__name__}) is called twice in a step and keeps one state "
                "for both calls, which has no NIR node; use two modules, or pass the state"
            )

    def _require_own_state(self, path: str, part: Any) -> None:
        if isinstance(part, Constant):
            start = part.content
            if isinstance(start, torch.Tensor) and start.is_floating_point() and bool(start.any()):
                raise UnsupportedError(
                    f"{path} starts every step from a nonzero state, which has no NIR node"
                )
        elif isinstance(part, LeafState):
            other = part.result.module
            if other != path:
                raise UnsupportedError(f"{path} takes the state of {other}, which has no NIR node")
            raise UnsupportedError(
                f"{path} takes two steps in one; forward must be one time step: loop over time "
                "outside it (docs/export-torch.md has an example)"
            )
        elif not isinstance(part, StateIn) and not is_nothing(part):
            raise UnsupportedError(f"{path} takes several values; add them up first")

    # -- values -----------------------------------------------------------------------

    def _value(self, flow: Any) -> Any:
        """What flows, as a `Value`; constants stay constants."""
        if isinstance(flow, LeafResult):
            return flow.value
        if isinstance(flow, StateIn):
            return self._read(flow)
        if isinstance(flow, Value | Constant):
            return flow
        if isinstance(flow, LeafState):
            found = self.recording(flow, f"the state of {flow.result.module}")
            if isinstance(found, dict):
                raise UnsupportedError(
                    f"the whole state of {flow.result.module} is used as a value"
                )
            return membrane_value(
                self.draft,
                found,
                f"the state of {flow.result.module} (such as its membrane potential) is used as a "
                "value, which has no NIR node",
            )
        raise UnsupportedError(f"a {type(flow).__name__} is used where a tensor is expected")

    def _read(self, state: StateIn) -> Value:
        """An input, or what the previous step left."""
        is_state = isinstance(state.root, tuple) or (state.root == "state" and self._has_state())
        if not is_state:
            if state.path:
                raise UnsupportedError(
                    f"indexing argument {state.root!r} has no NIR node; forward must be one time "
                    "step on tensors, and a state must be called `state`"
                )
            return self.read_input(str(state.root), self.shapes.get(str(state.root)))
        return self.read_state((state.root, state.path))

    def _has_state(self) -> bool:
        """Whether the argument `state` is the state: forward then returns (y, state)."""
        pair = isinstance(self.result, tuple | list) and len(self.result) == 2
        return pair or (
            isinstance(self.result, fx.Node) and isinstance(self.flows.get(self.result), LeafResult)
        )

    # -- small things -----------------------------------------------------------------

    def _resolved(self, tree: Any) -> Any:
        """A nest of fx nodes, with what flows there; everything else is a constant."""
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
