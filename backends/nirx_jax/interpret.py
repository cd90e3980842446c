"""Interpret a trace: inputs, outputs, modules, and the states between the steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.dynamics.node_types import has_neuron
from nirx.errors import UnsupportedError, warn_caller
from nirx.tracing.arranged import Arranged, in_nir, permuted_linear
from nirx.tracing.draft import Draft
from nirx.tracing.interpreter import Interpreter, output_name
from nirx.tracing.membranes import Recorded, membrane_value, recorded
from nirx.tracing.value import Value
from nirx_jax.exporters import Exporters
from nirx_jax.leaf import INPUT, LeafCall, Place, dotted
from nirx_jax.lowering import Constant, Final, LeafState, Stacked, StateIn
from nirx_jax.marks import BATCH, TIME, Marks, OtherLayout, OverTime
from nirx_jax.trace import Static, Trace
from nirx_jax.walk import Walk, live_operations

__all__ = ["interpret"]


def interpret(kind: str, trace: Trace, exporters: Exporters, marks: Marks | None = None) -> Draft:
    """The draft of a traced module.

    Arguments:
        kind: its type.
        trace: one step of one sample, unless `marks` tells axes of time and batch.
        exporters: of the export.
        marks: the sizes of such axes.

    **Raises**: `UnsupportedError`.
    """
    return _Interpreter(kind, trace, exporters, marks or Marks()).run()


class _Interpreter(Interpreter):
    def __init__(self, kind: str, trace: Trace, exporters: Exporters, marks: Marks):
        super().__init__(kind)
        self.trace, self.exporters, self.marks = trace, exporters, marks
        self.nodes: dict[int, str] = {}
        """The node of each call, by its id; `calls` keeps the calls."""
        self.calls: list[tuple[LeafCall, dict[Place, StateIn]]] = []

    def run(self) -> Draft:
        whole = self.trace.jaxpr
        arguments = [
            self._argument(name, self.marks.sample(v.aval.shape, self.kind))
            for name, v in zip(self.trace.inputs, whole.jaxpr.invars, strict=True)
        ]
        self.walk = walk = Walk(self.kind, self.draft, self._leaf, self._value, self.marks)
        results = walk.run(whole.jaxpr, whole.consts, arguments, self._wanted())
        self._require_marks(walk)
        self.add_outputs(
            _nested([(path, self._returned(result)) for path, result in self._outputs(results)]),
            lambda result, where: self._as_in_nir(result[0], result[1], where),
        )
        after = {path: self._left(part, results) for path, part in self.trace.state or ()}
        after.update(walk.carried)
        if self.trace.state is not None or after:
            before = {**self.trace.before, **walk.starts}
            self.close_loops(lambda place: self._new(after.get(place), place), before.get)
            self._check_states(after)
        return self.finish()

    def _argument(self, name: Any, shape: Any) -> Any:
        return _Input(name, shape) if isinstance(name, str) else StateIn(name, shape)

    def _require_marks(self, walk: Walk) -> None:
        """A time axis has to be scanned over, and a batch axis mapped over."""
        kinds = self.marks.sizes.values()
        if (TIME in kinds and not walk.scans) or (BATCH in kinds and not walk.mapped):
            raise OtherLayout(f"{self.kind} neither scans over time nor maps over a batch")

    def _outputs(self, results: list[Any]) -> list[tuple[Place, Any]]:
        """What the call returns but for what the last step leaves, which is state."""
        found = [(path, part, self._result(part, results)) for path, part in self.trace.values]
        kept = [
            (path, part, result) for path, part, result in found if not isinstance(result[0], Final)
        ]
        if found and not kept:
            raise OverTime(
                f"{found[0][2][0].place}: {self.kind} returns only what the last time step leaves; "
                "return the outputs of all time steps (the second result of jax.lax.scan), and "
                "take the last step outside"
            )
        outputs = []
        for path, part, (flow, shape) in kept:
            if isinstance(flow, Stacked):
                outputs.append((path, (flow.content, shape[1:])))
                continue
            if isinstance(part, int):
                name = output_name(tuple(map(_key, path)))
                shape = self._per_sample(shape, f"output {name!r}")
            outputs.append((path, (flow, shape)))
        return outputs

    def _per_sample(self, shape: Any, where: str) -> Any:
        missing = [k for k in self.marks.sizes.values() if k not in self.marks.lead(shape)]
        if missing:
            raise OverTime(
                f"{self.kind}: {where} has no axis of {missing[0]}; return the outputs of all time "
                "steps and samples, and take the mean, the sum or the last step outside"
            )
        return self.marks.sample(shape, where)

    def _left(self, part: Any, results: list[Any]) -> tuple[Any, Any]:
        """What the call leaves in a part of its state."""
        flow, shape = self._result(part, results)
        flow = flow.content if isinstance(flow, Final) else flow
        return flow, None if shape is None else self.marks.sample(shape, "the new state")

    def loop_name(self, key: Place) -> str:
        return ".".join(["state", *([dotted(key)] if key else [])])

    def _wanted(self) -> list[Any]:
        """The live results: the values, and the new state wherever they depend on the old one."""
        jaxpr = self.trace.jaxpr.jaxpr
        before = dict(zip(self.trace.inputs, jaxpr.invars, strict=True))
        state = [(p, n) for p, n in self.trace.state or () if isinstance(n, int) and p in before]
        wanted = [jaxpr.outvars[n] for _, n in self.trace.values if isinstance(n, int)]
        while True:
            _, used = live_operations(jaxpr, wanted)
            more = [jaxpr.outvars[n] for p, n in state if id(before[p]) in used]
            if not more:
                return wanted
            wanted += more
            state = [(p, n) for p, n in state if id(before[p]) not in used]

    def _result(self, part: Any, results: list[Any]) -> tuple[Any, Any]:
        if isinstance(part, Static):
            return Constant(part.content), None
        return results[part], self.trace.jaxpr.out_avals[part].shape

    def _returned(self, result: tuple[Any, Any]) -> Any:
        """What is returned: a recording for the state of a module, else the result."""
        if isinstance(result[0], LeafState):
            return self._recording(result[0], "what the call returns")
        return result

    def _recording(self, state: LeafState, where: str) -> Any:
        """The recording of a part of a module's state. **Raises** `UnsupportedError`."""
        node = self.nodes.get(id(state.call))
        if node is None:
            owner = state.call.leaf._place
            raise UnsupportedError(f"{where} is the state of {owner}, a bypassed module")
        return recorded(self.draft, node, ("1", *filter(None, [dotted(state.place)])), where)

    # -- modules ----------------------------------------------------------------------

    def _leaf(
        self,
        call: LeafCall,
        operands: list[Any],
        shapes: list[Any],
        results: list[Any],
        at_once: bool,
    ) -> list[Any]:
        leaf = call.leaf
        place = leaf._place
        exported = self.exporters.export(leaf)
        if at_once and exported is not None and has_neuron(exported):
            raise OverTime(f"{place} is mapped over time; scan over it, so that it has a state")
        value, made, states = None, None, {}
        for role, flow, shape in zip(call.roles, operands, shapes, strict=True):
            if role == INPUT and value is None:
                given = self._value(flow, place)
                if isinstance(given, Arranged) and given.order.shape == tuple(shape):
                    made = permuted_linear(self.draft, place, exported, given, leaf._path)
                value = made or self._as_in_nir(flow, shape, place)
            elif isinstance(role, tuple):
                if self._is_own_state(place, leaf, flow):
                    states[role] = flow
            elif not isinstance(flow, Constant):
                raise UnsupportedError(f"{place} takes several values; a NIR node has one input")
        before = {**self.trace.before, **self.walk.starts}
        self.exporters.start(leaf, {role: before.get(flow.place) for role, flow in states.items()})
        if not isinstance(value, Value):
            raise UnsupportedError(f"{place} is applied to a constant, which has no NIR node")
        gives = tuple(results[0])
        if exported is not None:
            value = made or self.draft.node(place, exported, value, leaf._path)
            self.nodes[id(call)] = str(value.sources[0])
            self.calls.append((call, states))
            if any(part is not None and part not in states for part in call.places):
                warn_caller(
                    f"{place} is called without the previous step's state, so it starts afresh in "
                    "every step; its NIR node keeps its state"
                )
        if value.shape not in (None, gives):
            what = "is bypassed but" if exported is None else "has a node that"
            raise UnsupportedError(
                f"{place} {what} gives shape {value.shape}; the module itself gives {gives}"
            )
        value = Value(value.sources, gives)
        return [value if path is None else LeafState(call, path) for path in call.places]

    def _is_own_state(self, place: str, leaf: Any, flow: Any) -> bool:
        if isinstance(flow, StateIn):
            return True
        if isinstance(flow, Constant):
            start = np.asarray(flow.content)
            if start.dtype.kind == "f" and start.any():
                raise UnsupportedError(
                    f"{place} starts every step from a nonzero state, which has no NIR node"
                )
            return False
        if isinstance(flow, LeafState):
            other = flow.call.leaf
            same = other._path == leaf._path
            what = "takes two steps in one" if same else f"takes the state of {other._place}"
            raise UnsupportedError(f"{place} {what}, which has no NIR node")
        raise UnsupportedError(f"{place} takes a value as its state, which has no NIR node")

    # -- values -----------------------------------------------------------------------

    def _value(self, flow: Any, where: str) -> Any:
        """What flows, as a `Value`; constants stay constants."""
        if isinstance(flow, Value | Constant | Arranged):
            return flow
        if isinstance(flow, Final | Stacked):
            raise OverTime(
                f"{where} combines time steps; return the outputs of all steps, and take the mean, "
                "the sum or the last step outside"
            )
        if isinstance(flow, _Input):
            return self.read_input(flow.name, flow.shape)
        if isinstance(flow, StateIn):
            return self.read_state(flow.place, flow.shape)
        owner = flow.call.leaf._place
        found = self._recording(flow, f"{where}: the state of {owner}")
        if not isinstance(found, Recorded):
            raise UnsupportedError(f"{where}: the whole state of {owner} is read as a value")
        refusal = f"{where}: the state of {owner} is read as a value, which has no NIR node"
        return membrane_value(self.draft, found, refusal)

    def _as_in_nir(self, flow: Any, shape: Any, where: str) -> Any:
        """A value whose shape in the program is its shape in NIR."""
        value = in_nir(self.draft, self._value(flow, where), "permute", where)
        if isinstance(value, Value) and value.shape not in (None, shape):
            raise UnsupportedError(
                f"{where}: axes of size 1 were added to a value of shape {value.shape}, which "
                f"now has shape {shape}; NIR has no node for that"
            )
        return value

    # -- the ends ---------------------------------------------------------------------

    def _new(self, left: tuple[Any, Any] | None, place: Place) -> Any:
        """What a step leaves in a part of its state."""
        name = self.loop_name(place)
        if left is None or left[0] is None:
            raise UnsupportedError(f"{name}: the call reads it but leaves no value there")
        return self._as_in_nir(left[0], left[1], name)

    def _check_states(self, after: dict[Place, tuple[Any, Any]]) -> None:
        """Every module's new state has to be where its old one came from."""
        for call, states in self.calls:
            own = call.leaf._place
            for part, old in states.items():
                left, _ = after.get(old.place, (None, None))
                name = self.loop_name(old.place)
                if part not in call.places and left != old:
                    raise UnsupportedError(f"{own} reads {name}, which is not its own state")
                if left == (LeafState(call, part) if part in call.places else old):
                    continue
                is_state = isinstance(left, LeafState)
                found = f"that of {left.call.leaf._place}" if is_state else "another value"
                raise UnsupportedError(
                    f"{own} takes its state from {name}, but the call leaves {found} there; the "
                    "state of a NIR node is its own"
                )


class _Input:
    def __init__(self, name: str, shape: Any):
        self.name, self.shape = name, shape


def _nested(found: list[tuple[Place, Any]]) -> Any:
    """Results by JAX's key paths as nested dicts, or lists where the keys are positions."""
    if len(found) == 1 and not found[0][0]:
        return found[0][1]
    below: dict[Any, list[tuple[Place, Any]]] = {}
    for path, part in found:
        below.setdefault(_key(path[0]), []).append((path[1:], part))
    nested = {key: _nested(parts) for key, parts in below.items()}
    if all(isinstance(key, int) for key in nested):
        return [nested.get(n) for n in range(max(nested, default=-1) + 1)]
    return nested


def _key(part: Any) -> Any:
    """One key of JAX's path: a position, or a name."""
    return part.idx if hasattr(part, "idx") else dotted((part,))
