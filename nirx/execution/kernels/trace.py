"""From a neuron's `Dynamics` to the expression of its step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nirx.dynamics.base import Dynamics, Stateless
from nirx.dynamics.expression import Expression, NotElementwise
from nirx.execution.kernels.symbolic import (
    CallingSymbolicOps,
    ReproducibleSymbolicOps,
    Symbol,
    SymbolicOps,
)

__all__ = ["INPUT", "OUTPUT", "TracedStep", "trace_step"]

INPUT, OUTPUT = "x", "y"


@dataclass(frozen=True, eq=False)
class TracedStep:
    """One step of a neuron.

    Arguments:
        expression: its inputs are "x", "c.NAME" and "s.NAME", its results "y" and "s.NAME".
        coefficients, states: the names; coefficients that the step does not use are left out.
    """

    expression: Expression
    coefficients: tuple[str, ...]
    states: tuple[str, ...]

    def operands(self, x: Any, c: Mapping[str, Any], s: Mapping[str, Any]) -> list[Any]:
        """What a step reads, in a row: the input, the coefficients, the states."""
        return [x, *(c[k] for k in self.coefficients), *(s[k] for k in self.states)]

    def named(self, operands: Sequence[Any]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """The inverse of `operands`."""
        x, *rest = operands
        c = dict(zip(self.coefficients, rest, strict=False))
        return x, c, dict(zip(self.states, rest[len(c) :], strict=True))


def trace_step(
    dynamics: Dynamics,
    dtype: str,
    reproducible: bool,
    detach_reset: bool = False,
    calls: bool = False,
) -> TracedStep:
    """Run a neuron's step on symbols.

    Arguments:
        dtype: of the run.
        reproducible: whether the step runs in reproducible mode.
        detach_reset: whether gradients stop at the reset.
        calls: whether exp and tanh of reproducible mode are one operation each.

    **Raises**: `NotElementwise` if the step mixes elements, steps or samples.
    """
    shapes = dynamics.state_shapes()
    if dynamics.input_shape != dynamics.output_shape or any(
        shape != dynamics.output_shape for shape in shapes.values()
    ):
        raise NotElementwise("its input, states and output differ in shape")
    if type(dynamics).chunk not in (Dynamics.chunk, Stateless.chunk):
        raise NotElementwise("it has a way of its own to run many steps")

    def ops_for(expression: Expression) -> Any:  # it has no products, paddings or scans
        if reproducible:
            kind = CallingSymbolicOps if calls else ReproducibleSymbolicOps
            return kind(expression, dtype, detach_reset)
        return SymbolicOps(expression, detach_reset)

    try:
        # The coefficients are computed once per run, as always; only their names matter here.
        ops = ops_for(Expression())
        names = tuple(dynamics.coefficients(ops, {k: ops.input(k) for k in dynamics.parameters}))
        expression = Expression()
        ops = ops_for(expression)
        c = {name: ops.input(f"c.{name}") for name in names}
        s = {name: ops.input(f"s.{name}") for name in shapes}
        y, new = dynamics.step(ops, c, ops.input(INPUT), s)
        results = {OUTPUT: y, **{f"s.{name}": new[name] for name in shapes}}
        if not all(isinstance(r, Symbol) for r in results.values()):
            raise NotElementwise("its step returns something else than arrays")
    except NotElementwise:
        raise
    except Exception as error:  # a registered type may do anything with what it is given
        raise NotElementwise(f"its step fails on symbols: {error!r:.200}") from error
    expression.results = {name: r.position for name, r in results.items()}
    used = expression.used_inputs()
    return TracedStep(expression, tuple(k for k in names if f"c.{k}" in used), tuple(shapes))
