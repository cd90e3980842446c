"""Walk through a jaxpr: translate every operation into nodes and edges of a draft."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jax.extend.core import Literal

from nirx.errors import UnsupportedError
from nirx.tracing.draft import Draft
from nirx.tracing.value import Value
from nirx_jax.functional import OPERATIONS
from nirx_jax.leaf import LEAF, LeafCall
from nirx_jax.lowering import Constant, Operation
from nirx_jax.source_location import label_of, place_of

__all__ = ["Walk", "live_operations"]

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

LOOPS = ("scan", "while", "cond")


class Walk:
    """Follows what flows through a jaxpr and the jaxprs in it.

    Arguments:
        kind: the module's type, for errors.
        draft: receives the nodes of the operations.
        leaf: (call of a mapped module, what flows in, shapes) -> what flows out.
        value: (what flows, the place of the operation that reads it) -> a `Value`, or the
            `Constant` that it is.
    """

    def __init__(
        self,
        kind: str,
        draft: Draft,
        leaf: Callable[[LeafCall, list[Any], list[Any]], list[Any]],
        value: Callable[[Any, str], Any],
    ):
        self.kind, self.draft, self.leaf, self.value = kind, draft, leaf, value

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
            shapes = [v.aval.shape for v in eqn.invars]
            return self.leaf(eqn.params["call"], operands, shapes)
        if name in INNER:
            inner, consts = _inner(eqn)
            below = _results_within(eqn, inner, wanted)
            return self.run(inner, consts, operands, below, (*around, eqn))
        constant = all(isinstance(operand, Constant) for operand in operands)
        if name in PASSES and not constant:
            return operands  # even if they are states
        if constant:
            given = eqn.primitive.bind(*(c.content for c in operands), **eqn.params)
            return [Constant(g) for g in (given if eqn.primitive.multiple_results else [given])]
        return [self._operation(eqn, operands, around)]

    def _operation(self, eqn: Any, operands: list[Any], around: tuple[Any, ...]) -> Value:
        name = eqn.primitive.name
        place = f"{label_of(eqn, around)} {place_of(eqn, around, self.kind)}"
        lowering = OPERATIONS.get(name)
        if name in LOOPS:
            raise UnsupportedError(
                f"{place} depends on the network's inputs, which has no NIR node; the call must be "
                "one time step without control flow"
            )
        if lowering is None or len(eqn.outvars) != 1:
            raise UnsupportedError(
                f"{place} has no NIR node; move it into a module and add that to module_map"
            )
        result = eqn.outvars[0].aval
        return Operation(
            self.draft,
            name,
            place,
            [self.value(flow, place) for flow in operands],
            [v.aval.shape for v in eqn.invars],
            result.shape,
            [eqn.invars[0].aval.dtype, result.dtype],
            eqn.params,
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
            inner, _ = _inner(eqn)
            _, counts = live_operations(inner, _results_within(eqn, inner, results))
            below = [n for n in below if id(inner.invars[n]) in counts]
        used.update(id(eqn.invars[n]) for n in below)
    return live[::-1], used


def _inner(eqn: Any) -> tuple[Any, Any]:
    """The jaxpr within an operation, and its constants."""
    inner = eqn.params[INNER[eqn.primitive.name]]
    return (inner.jaxpr, inner.consts) if hasattr(inner, "consts") else (inner, [])


def _results_within(eqn: Any, inner: Any, wanted: list[Any]) -> list[Any]:
    chosen = {id(v) for v in wanted}
    return [b for a, b in zip(eqn.outvars, inner.outvars, strict=True) if id(a) in chosen]
