"""Mutants of tracing: a `nirx.Neuron` whose expression has one fault."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

import nirx
from nirx.dynamics.expression import Expression, Operation
from nirx.dynamics.program import OUTPUT, PARAMETER, STATE, Program
from nirx_conformance.mutants.mutant import Mutant, on_node


def on_neuron(change: Callable[[nirx.Neuron], None]) -> Mutant:
    """A mutant that writes to each `nirx.Neuron`."""

    @wraps(change)
    def checked(node: Any, dt: float) -> None:
        if isinstance(node, nirx.Neuron):
            change(node)

    return on_node(checked)


def _rewrite(node: nirx.Neuron, change: Callable[[Operation], Operation | None]) -> None:
    """Replace operations, in their places; None keeps one."""
    old = node.step.expression
    new = Expression([change(own) or own for own in old.operations], dict(old.results))
    node.step = Program(new, node.step.states)


def _appended(
    new: Expression,
    node: nirx.Neuron,
    append: Callable[[Operation, list[int]], int | None] = lambda own, operands: None,
) -> list[int]:
    """Append a node's operations to an expression.

    Arguments:
        append: (operation, operands) -> the position of what stands for it; None appends itself.

    Returns: the new positions.
    """
    positions: list[int] = []
    for own in node.step.expression.operations:
        operands = [positions[o] for o in own.operands]
        position = append(own, operands)
        if position is None:
            value = float(own.value) if own.name == "constant" else own.value
            position = new.add(own.name, *operands, value=value)
        positions.append(position)
    return positions


def _take(node: nirx.Neuron, new: Expression, positions: list[int]) -> None:
    """Give a node a new expression, whose results are at new positions."""
    results = node.step.expression.results
    new.results = {name: positions[p] for name, p in results.items()} | new.results
    node.step = Program(new, node.step.states)


def _operands(own: Operation, *places: int) -> Operation:
    return Operation(own.name, tuple(own.operands[p] for p in places), own.value)


def _results(node: nirx.Neuron, **changes: int) -> None:
    """Let results, by name without "s.", be other positions."""
    results = node.step.expression.results | changes
    node.step = Program(
        Expression(list(node.step.expression.operations), results), node.step.states
    )


def _drop_update(node: nirx.Neuron, state: str) -> None:
    """Let a state keep its initial value, unless nothing reads it."""
    operations = node.step.expression.operations
    for position, own in enumerate(operations):
        if own.value == STATE + state:
            _results(node, **{STATE + state: position})
            return


@on_neuron
def last_state_dropped(node: nirx.Neuron) -> None:
    """The last state keeps its initial value."""
    _drop_update(node, node.step.states[-1])


@on_neuron
def first_state_dropped(node: nirx.Neuron) -> None:
    """The first state keeps its initial value."""
    _drop_update(node, node.step.states[0])


@on_neuron
def select_swapped(node: nirx.Neuron) -> None:
    """What holds where the condition is true and where it is not are exchanged."""
    _rewrite(node, lambda own: _operands(own, 0, 2, 1) if own.name == "select" else None)


@on_neuron
def initial_values_lost(node: nirx.Neuron) -> None:
    """Every state starts at 0."""
    node.initial = {name: np.zeros(()) for name in node.initial}


@on_neuron
def start_off(node: nirx.Neuron) -> None:
    """Every state starts 0.25 too high."""
    node.initial = {name: np.asarray(value) + 0.25 for name, value in node.initial.items()}


@on_neuron
def difference_reversed(node: nirx.Neuron) -> None:
    """a - b is b - a."""
    _rewrite(node, lambda own: _operands(own, 1, 0) if own.name == "sub" else None)


@on_neuron
def quotient_reversed(node: nirx.Neuron) -> None:
    """a / b is b / a."""
    _rewrite(node, lambda own: _operands(own, 1, 0) if own.name == "div" else None)


@on_neuron
def comparison_reversed(node: nirx.Neuron) -> None:
    """a > b is b > a."""
    names = ("greater", "greater_equal")
    _rewrite(node, lambda own: _operands(own, 1, 0) if own.name in names else None)


@on_neuron
def tie_the_other_way(node: nirx.Neuron) -> None:
    """a > b is a >= b, and the reverse."""
    other = {"greater": "greater_equal", "greater_equal": "greater"}
    _rewrite(
        node,
        lambda own: Operation(other[own.name], own.operands) if own.name in other else None,
    )


@on_neuron
def exponent_without_sign(node: nirx.Neuron) -> None:
    """exp(a) is exp(|a|)."""
    new = Expression()

    def positive(own: Operation, operands: list[int]) -> int | None:
        return new.add("exp", new.add("abs", *operands)) if own.name == "exp" else None

    _take(node, new, _appended(new, node, positive))


@on_neuron
def constants_halved(node: nirx.Neuron) -> None:
    """Constants other than 0 and 1 are half of themselves."""

    def halved(own: Operation) -> Operation | None:
        if own.name != "constant" or float(own.value) in (0.0, 1.0):
            return None
        return Operation("constant", (), repr(float(own.value) / 2))

    _rewrite(node, halved)


@on_neuron
def output_is_the_first_state(node: nirx.Neuron) -> None:
    """The neuron puts out its first state."""
    _results(node, **{OUTPUT: node.step.expression.results[STATE + node.step.states[0]]})


@on_neuron
def states_exchanged(node: nirx.Neuron) -> None:
    """The first two states are written into each other."""
    if len(node.step.states) > 1:
        a, b = (STATE + name for name in node.step.states[:2])
        results = node.step.expression.results
        _results(node, **{a: results[b], b: results[a]})


@on_neuron
def input_ignored_by_the_output(node: nirx.Neuron) -> None:
    """The output is that of an input of 0."""
    new = Expression()
    positions = _appended(new, node)
    silent = _appended(
        new, node, lambda own, _: new.add("constant", value=0.0) if own.value == "x" else None
    )
    new.results = {OUTPUT: silent[node.step.expression.results[OUTPUT]]}
    _take(node, new, positions)


@on_neuron
def parameter_of_the_first_neuron(node: nirx.Neuron) -> None:
    """Every neuron has the parameters of the first."""
    node.parameters = {k: np.asarray(v).reshape(-1)[:1] for k, v in node.parameters.items()}


@on_neuron
def two_parameters_exchanged(node: nirx.Neuron) -> None:
    """The first two parameters are taken for each other."""
    names = [PARAMETER + name for name in node.step.parameters[:2]]
    if len(names) == 2:
        other = dict(zip(names, reversed(names), strict=True))
        _rewrite(
            node,
            lambda own: Operation("input", (), other[own.value]) if own.value in other else None,
        )
