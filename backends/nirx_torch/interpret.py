"""Interpret a trace: translate every operation into the nodes and edges of a draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import nir
import numpy as np
import torch
from torch import fx
from torch.fx._symbolic_trace import _assert_is_none
from torch.fx.node import map_arg

from nirx.basics.type_map import ABSENT
from nirx.errors import InputError, UnsupportedError
from nirx.tracing.arranged import Arranged, in_nir
from nirx.tracing.draft import Draft
from nirx.tracing.lowering import OWN_MODULE
from nirx.tracing.membranes import membrane_value
from nirx.tracing.value import Value
from nirx_torch.exporters import Exporters
from nirx_torch.functional import KEYWORDS, WEIGHTED, lowering_of
from nirx_torch.in_place_writes import line_of, place_of
from nirx_torch.layout import arrange, dimension
from nirx_torch.lowering import Call, Constant, Dimension, LeafResult, LeafState, Shape, StateIn
from nirx_torch.mapped_modules import MappedModules
from nirx_torch.trace import Trace, hidden_state
from nirx_torch.trees import flat, is_record, plain, record

__all__ = ["TorchInterpreter"]


class TorchInterpreter(MappedModules):
    """Makes a draft of a traced module; `shapes` of the inputs: one, {argument: shape} or None.

    **Raises**: `UnsupportedError`, `InputError`.
    """

    def __init__(self, module: torch.nn.Module, trace: Trace, exporters: Exporters, shapes: Any):
        super().__init__(module, trace, exporters)
        self.flows: dict[fx.Node, Any] = {}
        self.batch: int | None = None
        """The batch size, where forward has it as a number."""
        ends = [n for n in trace.graph.nodes if n.op == "output"]
        self.result = ends[0].args[0] if ends else None
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
            if isinstance(arguments[0], StateIn) and _is_index(arguments[1]):
                arguments = (self._arranged(arguments[0]), *arguments[1:])
            taken = self._taken(node, arguments[0], arguments[1])
            if taken is not ABSENT:
                return taken
        if node.target is getattr and isinstance(arguments[0], StateIn | LeafState):
            name = arguments[1].content
            if name not in ("shape", "device", "dtype", "T", "mT", "data"):
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
        call = self._call(node, arguments, keywords)
        size = dimension(call)
        if size is not None:
            return size
        lowering = lowering_of(node.target, node.op == "call_method")
        if lowering is None:
            raise UnsupportedError(f"{call.place} has no NIR node; {self._mend(node)}")
        handled = KEYWORDS[lowering]
        unknown = [] if handled is None else sorted(set(keywords) - handled)
        if unknown:
            raise UnsupportedError(f"{call.place} has {unknown[0]}=, which has no NIR node")
        return call.lower(lowering)

    def _call(self, node: fx.Node, arguments: Any, keywords: Any) -> Call:
        place = f"{_label(node)} {place_of(node, self.module)}"
        return Call(
            self.draft,
            self._name(node),
            place,
            arguments,
            keywords,
            node.target,
            self._arranged,
            lambda batch, certain: self._assume_batch(node, place, batch, certain),
            line_of(node),
        )

    def _assume_batch(self, node: fx.Node, place: str, batch: int, certain: bool) -> None:
        """Take a number for the batch size, if forward cannot run with any other.

        **Raises**: `UnsupportedError` where it could, or where another batch size was assumed.
        """
        mend = "write x.view(x.size(0), -1) or torch.flatten(x, 1)"
        if self.batch not in (None, batch):
            raise UnsupportedError(
                f"{place} keeps the batch only for {batch} samples, another operation only for "
                f"{self.batch}; {mend}"
            )
        self.batch = batch
        if not (certain or self._feeds_weights(node)):
            raise UnsupportedError(
                f"{place} keeps the batch only if that has {batch} samples, and mixes the samples "
                f"of any other batch without an error; {mend}"
            )

    def _feeds_weights(self, node: fx.Node) -> bool:
        """Whether a layer reads the result that fails for another number of features."""
        work, seen = [*node.users], set()
        while work:
            user = work.pop()
            if user in seen:
                continue
            seen.add(user)
            if user.target in WEIGHTED:
                return True
            if user.op == "call_module":
                path = str(user.target)
                made = self.exporters.export(self.module.get_submodule(path), path)
                if isinstance(made, nir.Linear | nir.Affine):
                    return True
            work += user.users
        return False

    def _mend(self, node: fx.Node) -> str:
        """The suggested fix: map the module that contains the operation."""
        path = next(reversed(node.meta.get("nn_module_stack") or {}), "")
        kind = type(self.module.get_submodule(path)).__name__ if path else ""
        if not path:
            return OWN_MODULE
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
        if isinstance(owner, Value | Arranged):
            try:
                return self._call(node, (owner, Constant(plain(index))), {}).lower(arrange)
            except UnsupportedError as error:
                raise UnsupportedError(
                    f"indexing {place_of(node, self.module)} has no NIR node; forward must be one "
                    "time step, and a module that returns (output, state) belongs in "
                    "stateful_modules unless its forward has an argument `state`"
                ) from error
        return ABSENT

    # -- values -----------------------------------------------------------------------

    def _value(self, flow: Any) -> Any:
        """What flows, as a `Value`; constants stay constants."""
        return in_nir(self.draft, self._arranged(flow), "permute", self.kind)

    def _arranged(self, flow: Any) -> Any:
        """The same, but an `Arranged` stays one: its nodes are made when something reads it."""
        if isinstance(flow, LeafResult):
            return flow.value
        if isinstance(flow, StateIn):
            return self._read(flow)
        if isinstance(flow, Value | Constant | Arranged):
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


def _is_index(key: Any) -> bool:
    """Whether a key takes a tensor's axes apart; a state is taken apart by numbers and names."""
    content = key.content if isinstance(key, Constant) else key
    return not isinstance(content, int | str)


def _label(node: fx.Node) -> str:
    if node.op == "call_method":
        return f"torch.Tensor.{node.target}"
    name = getattr(node.target, "__name__", str(node.target))
    owner = getattr(node.target, "__module__", None) or "torch"
    owner = "operator" if owner == "_operator" else owner
    return f"{owner.replace('torch._C._nn', 'torch.nn.functional')}.{name}"
