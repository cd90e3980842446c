"""Walk through a jaxpr: translate every operation into nodes and edges of a draft."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jax.extend.core import Literal
from jax.tree_util import GetAttrKey, SequenceKey

from nirx.errors import UnsupportedError
from nirx.tracing.draft import Draft
from nirx.tracing.lowering import OWN_MODULE
from nirx_jax.functional import OPERATIONS
from nirx_jax.leaf import LEAF, LeafCall, Place
from nirx_jax.lowering import Constant, Final, Operation, Stacked, StateIn
from nirx_jax.marks import BATCH, TIME, Marks, OtherLayout, OverTime
from nirx_jax.source_location import label_of, place_of

__all__ = ["INNER", "Walk", "inner_of", "live_operations"]

INNER = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
    "remat": "jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
}
"""Operations that only contain others -> the parameter that holds these."""

PASSES = ("stop_gradient", "copy", "copy_p", "device_put", "optimization_barrier")
"""Operations that return their operands."""

LOOPS = ("while", "cond")

SCANS = (
    "depends on the network's inputs, which has no NIR node; the call must be one time step "
    "without control flow, or one jax.lax.scan over time, of an example_input [time, ...]"
)


class Walk:
    """Follows what flows through a jaxpr and the jaxprs in it.

    Arguments:
        kind: the module's type, for errors.
        draft: receives the nodes of the operations.
        leaf: (call of a mapped module, what flows in, shapes of that and of what flows out,
            whether it is called on all time steps at once) -> what flows out.
        value: (what flows, the place of the operation that reads it) -> a `Value` or an
            `Arranged`, or the `Constant` that it is.
        marks: the sizes of axes that are time or batch.
    """

    def __init__(
        self,
        kind: str,
        draft: Draft,
        leaf: Callable[[LeafCall, list[Any], list[Any], list[Any], bool], list[Any]],
        value: Callable[[Any, str], Any],
        marks: Marks,
    ):
        self.kind, self.draft, self.leaf, self.value = kind, draft, leaf, value
        self.marks = marks
        self.carried: dict[Place, Any] = {}
        """What a step of a scan leaves in each part of its carry that it reads."""
        self.starts: dict[Place, Any] = {}
        self.scans = 0
        self.mapped = False

    def run(
        self,
        jaxpr: Any,
        consts: Any,
        arguments: list[Any],
        wanted: list[Any],
        around: tuple[Any, ...] = (),
    ) -> list[Any]:
        """What flows out of a jaxpr; None for results that are not wanted.

        Arguments:
            jaxpr, consts: the jaxpr and its constants.
            arguments: what flows in.
            wanted: the result variables that matter.
            around: the enclosing calls, outermost first.

        **Raises**: `UnsupportedError`.
        """
        flows: dict[Any, Any] = dict(zip(jaxpr.invars, arguments, strict=True))
        flows.update(zip(jaxpr.constvars, map(Constant, consts), strict=True))
        for eqn, results in live_operations(jaxpr, wanted)[0]:
            operands = [_literal(v) if isinstance(v, Literal) else flows.get(v) for v in eqn.invars]
            found = self._flow(eqn, operands, results, around)
            flows.update(zip(eqn.outvars, found, strict=True))
        return [_literal(v) if isinstance(v, Literal) else flows.get(v) for v in jaxpr.outvars]

    def _flow(
        self, eqn: Any, operands: list[Any], wanted: list[Any], around: tuple[Any, ...]
    ) -> Any:
        name = eqn.primitive.name
        if eqn.primitive is LEAF:
            return self._call(eqn, operands)
        if name in INNER:
            inner, consts = inner_of(eqn)
            below = _results_within(eqn, inner, wanted)
            return self.run(inner, consts, operands, below, (*around, eqn))
        constant = all(isinstance(operand, Constant) for operand in operands)
        if name in PASSES and not constant:
            return operands  # even if they are states
        if constant:
            given = eqn.primitive.bind(*(c.content for c in operands), **eqn.params)
            return [Constant(g) for g in (given if eqn.primitive.multiple_results else [given])]
        if name == "scan":
            return self._scan(eqn, operands, wanted, around)
        return [self._operation(eqn, operands, around)]

    def _call(self, eqn: Any, operands: list[Any]) -> list[Any]:
        """A mapped module; jax.vmap may map it over time and batch, and nothing else."""
        call: LeafCall = eqn.params["call"]
        place = call.leaf._place
        leads = {self.marks.lead(v.aval.shape) for v in (*eqn.invars, *eqn.outvars)}
        if call.mapped and {len(lead) for lead in leads} != {call.mapped}:
            raise OtherLayout(
                f"{place} is called under jax.vmap, which has no NIR node; write the step for "
                "one sample without a batch, and apply vmap to the whole model"
            )
        self.mapped = self.mapped or any(BATCH in lead for lead in leads)
        shapes = [self.marks.sample(v.aval.shape, place) for v in eqn.invars]
        gives = [self.marks.sample(v.aval.shape, place) for v in eqn.outvars]
        at_once = any(TIME in lead for lead in leads)
        return self.leaf(call, operands, shapes, gives, at_once)

    def _scan(
        self, eqn: Any, operands: list[Any], wanted: list[Any], around: tuple[Any, ...]
    ) -> list[Any]:
        """A scan over time: its body is the step, its carry the state."""
        place = f"{label_of(eqn, around)} {place_of(eqn, around, self.kind)}"
        p = eqn.params
        body, consts = p["jaxpr"].jaxpr, p["jaxpr"].consts
        first, many = p["num_consts"], p["num_carry"]
        arrays = range(first + many, len(operands))
        if arrays and self.marks.sizes.get(p["length"]) != TIME:
            raise OtherLayout(f"{place} {SCANS}")
        if p["reverse"]:
            raise OverTime(f"{place} runs backwards in time, which has no NIR node")
        self.scans += 1
        flows = list(operands)
        for n in range(first):
            if TIME in self.marks.lead(eqn.invars[n].aval.shape):
                flows[n] = self._every_step(flows[n], place)
        for n in arrays:
            flows[n] = self._step_of(flows[n], eqn.invars[n].aval.shape, place)
        places: list[Place] = []
        for n in range(first, first + many):
            start = flows[n]
            key = start.place if isinstance(start, StateIn) else self._carry()
            shape = self.marks.sample(eqn.invars[n].aval.shape, place)
            if not isinstance(start, StateIn | Constant):
                raise OverTime(
                    f"{place} starts from a value that depends on the network's inputs; start from "
                    "zeros or from the argument `state`"
                )
            places.append(key)
            if isinstance(start, Constant):
                self.starts[key] = start.content
            flows[n] = StateIn(key, shape)
        results = [body.outvars[n] for n in range(many, len(body.outvars))]
        chosen = {id(v) for v in wanted}
        live = [v for v, out in zip(results, eqn.outvars[many:], strict=True) if id(out) in chosen]
        left = [n for n in range(many) if id(eqn.outvars[n]) in chosen]
        live += [body.outvars[n] for n in left]
        while True:  # a carry matters if what matters reads it
            _, used = live_operations(body, live)
            more = [n for n in range(many) if id(body.invars[first + n]) in used and n not in left]
            if not more:
                break
            left += more
            live += [body.outvars[n] for n in more]
        found = self.run(body, consts, flows, live, (*around, eqn))
        for n in left:
            self.carried[places[n]] = (
                found[n],
                self.marks.sample(body.outvars[n].aval.shape, place),
            )
        stacked = found[many:] if arrays else [Stacked(flow) for flow in found[many:]]
        return [*(Final(flow, place) for flow in found[:many]), *stacked]

    def _carry(self) -> Place:
        return GetAttrKey("carry"), SequenceKey(len(self.starts))

    def _every_step(self, flow: Any, place: str) -> Any:
        raise OverTime(
            f"{place} reads all time steps in every step; scan over them, as the argument xs"
        )

    def _step_of(self, flow: Any, shape: tuple[int, ...], place: str) -> Any:
        """One step of what a scan takes apart."""
        if isinstance(flow, Constant):
            rows = np.asarray(flow.content)
            if (rows != rows[:1]).any():
                raise OverTime(f"{place} uses another constant in every time step")
            return Constant(rows[0])
        if self.marks.lead(shape)[:1] != (TIME,):
            raise OtherLayout(f"{place} does not take its steps from the first axis")
        return flow

    def _operation(self, eqn: Any, operands: list[Any], around: tuple[Any, ...]) -> Any:
        name = eqn.primitive.name
        place = f"{label_of(eqn, around)} {place_of(eqn, around, self.kind)}"
        lowering = OPERATIONS.get(name)
        if name in LOOPS:
            raise UnsupportedError(f"{place} {SCANS}")
        if lowering is None or len(eqn.outvars) != 1:
            for result in eqn.outvars:  # the reason, if it is one of time or batch
                self.marks.require_kept(
                    [v.aval.shape for v in eqn.invars], result.aval.shape, place, False
                )
            raise UnsupportedError(f"{place} has no NIR node; {OWN_MODULE}")
        result = eqn.outvars[0].aval
        marks, flows = self.marks, [self.value(flow, place) for flow in operands]
        given = [v.aval.shape for v in eqn.invars]
        values = [s for s, flow in zip(given, flows, strict=True) if not isinstance(flow, Constant)]
        marks.require_kept(values, result.shape, place, name == "transpose")
        return Operation(
            self.draft,
            name,
            place,
            [
                Constant(marks.constant(f.content, place)) if isinstance(f, Constant) else f
                for f in flows
            ],
            [marks.sample(shape, place) for shape in given],
            marks.sample(result.shape, place),
            [eqn.invars[0].aval.dtype, result.dtype],
            eqn.params,
            len(marks.lead(result.shape)),
        ).lower(lowering)


def _literal(variable: Any) -> Constant:
    return Constant(np.asarray(variable.val, variable.aval.dtype))


def live_operations(jaxpr: Any, wanted: list[Any]) -> tuple[list[Any], set[int]]:
    """The operations that the wanted results depend on.

    Returns: them, each with those of its results that are needed; and the ids of all needed
    variables, including inputs.
    """
    used = {id(v) for v in wanted}
    live = []
    for eqn in reversed(jaxpr.eqns):
        results = [v for v in eqn.outvars if id(v) in used]
        if not results:
            continue
        live.append((eqn, results))
        below = range(len(eqn.invars))
        if eqn.primitive.name in INNER:
            inner, _ = inner_of(eqn)
            _, counts = live_operations(inner, _results_within(eqn, inner, results))
            below = [n for n in below if id(inner.invars[n]) in counts]
        used.update(id(eqn.invars[n]) for n in below)
    return live[::-1], used


def inner_of(eqn: Any) -> tuple[Any, Any]:
    """The jaxpr within an operation, and its constants."""
    inner = eqn.params[INNER[eqn.primitive.name]]
    return (inner.jaxpr, inner.consts) if hasattr(inner, "consts") else (inner, [])


def _results_within(eqn: Any, inner: Any, wanted: list[Any]) -> list[Any]:
    chosen = {id(v) for v in wanted}
    return [b for a, b in zip(eqn.outvars, inner.outvars, strict=True) if id(a) in chosen]
