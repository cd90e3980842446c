"""Reverse mode over an expression: the lines that follow those of the forward step."""

from __future__ import annotations

from collections.abc import Mapping

from nirx.dynamics.expression import Expression, Operation
from nirx.execution.kernels.printing import Printed, print_expression

__all__ = ["print_adjoint"]

STOPS = ("greater", "greater_equal", "floor", "detach", "constant", "input")
"""Operations that pass no gradient on."""

FUNCTIONS = {
    "keep": "{g}",
    "abs": "({g} if {a} > F(0) else (-{g} if {a} < F(0) else F(0)))",
    "exp": "{g} * {y}",
    "log": "{g} / {a}",
    "sqrt": "{g} / (F(2) * {y})",
    "tanh": "{g} * (F(1) - {y} * {y})",
    "exponential": "exponential_back({a}, {g})",
    "hyperbolic_tangent": "hyperbolic_tangent_back({a}, {g})",
}
"""The gradient of an operation of one operand: g of its value y, the operand is a."""


def print_adjoint(
    printed: Printed, seeds: Mapping[int, str], inputs: frozenset[str], surrogate: Expression
) -> dict[str, str]:
    """Append the adjoint of an expression to its lines.

    Arguments:
        printed: with every operation printed that the results need.
        seeds: for results, the text of the gradient that comes from outside.
        inputs: names of the inputs whose gradient is wanted.
        surrogate: of `trace_surrogate`.

    Returns: the text of the gradient of each of these inputs.

    **Source**: the rules are those of torch's autograd for the same operations; see
    `nirx.dynamics.ops.Ops` for `select` and `with_surrogate`.
    """
    active = _active(printed.expression, inputs)
    gradients = _Gradients(printed)
    for position, text in seeds.items():
        if active[position]:
            gradients.add(position, text)
    operations = printed.expression.operations
    for position in range(len(operations) - 1, -1, -1):
        if position in gradients.texts and operations[position].name not in STOPS:
            _pass_on(printed, gradients, position, active, surrogate)
    found = {}
    for position, operation in enumerate(operations):
        if operation.name == "input" and operation.value in inputs:
            found[str(operation.value)] = gradients.texts.get(position, "F(0)")
    return found


class _Gradients:
    """The gradients so far, by position; each sum is a line."""

    def __init__(self, printed: Printed):
        self.printed = printed
        self.texts: dict[int, str] = {}

    def add(self, position: int, term: str) -> None:
        name = f"{self.printed.prefix}g{position}"
        before = self.texts.get(position)
        self.printed.lines.append(f"{name} = {term}" if before is None else f"{name} += {term}")
        self.texts[position] = name


def _active(expression: Expression, inputs: frozenset[str]) -> list[bool]:
    """For each operation, whether a gradient goes through it to a wanted input."""
    active: list[bool] = []
    for operation in expression.operations:
        if operation.name == "input":
            active.append(operation.value in inputs)
        elif operation.name in STOPS:
            active.append(False)
        else:
            active.append(any(active[o] for o in _differentiable(operation)))
    return active


def _differentiable(operation: Operation) -> tuple[int, ...]:
    """The operands that have a gradient: not the spikes themselves, but what decided on them."""
    return operation.operands[1:] if operation.name == "spike" else operation.operands


def _pass_on(
    printed: Printed,
    gradients: _Gradients,
    position: int,
    active: list[bool],
    surrogate: Expression,
) -> None:
    """Add what one operation passes on to the gradients of its operands."""
    operation = printed.expression.operations[position]
    g = gradients.texts[position]
    terms: list[tuple[int, str]] = []
    values = [printed.value(o) for o in operation.operands]
    operands = operation.operands
    if operation.name == "add":
        terms = [(operands[0], g), (operands[1], g)]
    elif operation.name == "sub":
        terms = [(operands[0], g), (operands[1], f"-{g}")]
    elif operation.name == "mul":
        terms = [(operands[0], f"{g} * {values[1]}"), (operands[1], f"{g} * {values[0]}")]
    elif operation.name == "div":
        a, b = values
        terms = [(operands[0], f"{g} / {b}"), (operands[1], f"-{g} * (({a} / {b}) / {b})")]
    elif operation.name in FUNCTIONS:
        y = printed.value(position)
        terms = [(operands[0], FUNCTIONS[operation.name].format(g=g, a=values[0], y=y))]
    elif operation.name == "power":
        (a, b), y = values, printed.value(position)
        terms = [
            (operands[0], f"({g} * ({b} * np.power({a}, {b} - F(1))) if {b} != F(0) else F(0))"),
            (operands[1], f"({g} * ({y} * np.log({a})) if {y} != F(0) else F(0))"),
        ]
    elif operation.name == "select":
        test = printed.test(operands[0])
        terms = [
            (operands[0], f"{g} * ({values[1]} - {values[2]})"),
            (operands[1], f"({g} if {test} else F(0))"),
            (operands[2], f"(F(0) if {test} else {g})"),
        ]
    elif operation.name == "spike":
        prefix = f"{printed.prefix}u{position}_"
        printed.lines.append(f"{prefix} = {values[1]} - {values[2]}")
        wanted = surrogate.results["slope"]
        slope = print_expression(surrogate, {"u": prefix}, [wanted], printed.bound, prefix)
        printed.lines += slope.lines
        printed.lines.append(f"{prefix}s = {g} * {slope.value(wanted)}")
        terms = [(operands[1], f"{prefix}s"), (operands[2], f"-{prefix}s")]
    else:
        raise AssertionError(f"no adjoint of {operation.name}")
    for operand, term in terms:
        if active[operand]:
            gradients.add(operand, term)
