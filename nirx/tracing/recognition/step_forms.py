"""`read_step`: the normal forms of what a neuron's step returns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.program import INPUT, PARAMETER, STATE
from nirx.tracing.recognition.forms import CONSTANT, NONE, Form, NoForm, constant, same

__all__ = ["Indicator", "StepForms", "read_step"]

MOST_INDICATORS = 8
"""No NIR neuron has more than three; it bounds the work for those that have."""

OF_NUMBERS: dict[str, Any] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "floor": np.floor,
    "abs": np.abs,
    "power": np.power,
}
"""Operations that have a form only if their operands are numbers."""


@dataclass(frozen=True, eq=False)
class Indicator:
    """A value that is 1 where a form is above 0.

    Arguments:
        above: the form; None for a state that holds 0 or 1.
        at_zero: whether it is 1 at 0 too.
        state: the name of the state.
    """

    above: Form | None
    at_zero: bool = False
    state: str = ""


@dataclass(eq=False)
class StepForms:
    """A step in normal form.

    Arguments:
        states: names of the states that are left, in order.
        indicators: that the forms refer to, by number.
        results: the forms of "y" and of the new states, by name.
        exponentials: of parameters, that the step computes.
    """

    states: list[str]
    indicators: list[Indicator] = field(default_factory=list)
    results: dict[str, Form] = field(default_factory=dict)
    exponentials: list[np.ndarray] = field(default_factory=list)

    def indicator(self, above: Form, at_zero: bool) -> Form:
        """The form that is 1 where another one is above 0 (or at it), else 0.

        Equal conditions are one indicator: a positive factor, and the sign, make no difference.
        """
        number = above.number
        if number is not None:
            return constant(number >= 0 if at_zero else number > 0)
        of_spike = _of_one_indicator(above, at_zero)
        if of_spike is not None:
            return of_spike
        above, negative = _normalized(above)
        at_zero = at_zero is not negative  # not (d > 0) is -d >= 0
        found = self._find(above, at_zero)
        if found is None:
            found = len(self.indicators)
            if found >= MOST_INDICATORS:
                raise NoForm("it depends on too many comparisons")
            self.indicators.append(Indicator(above, at_zero))
        own = Form({frozenset({found}): {CONSTANT: np.ones(())}})
        return constant(1.0) - own if negative else own

    def _find(self, above: Form, at_zero: bool) -> int | None:
        for number, known in enumerate(self.indicators):
            if known.above is not None and known.at_zero is at_zero and same(known.above, above):
                return number
        return None

    def state_indicator(self, name: str) -> Form:
        """A state that holds 0 or 1."""
        self.indicators.append(Indicator(None, state=name))
        return Form({frozenset({len(self.indicators) - 1}): {CONSTANT: np.ones(())}})

    def replace(self, number: int, new: Form) -> None:
        """Put a form in place of an indicator, everywhere."""
        self.results = {k: form.renamed(number, new) for k, form in self.results.items()}
        self.indicators = [
            own if own.above is None else replace(own, above=own.above.renamed(number, new))
            for own in self.indicators
        ]


def read_step(node: Neuron) -> StepForms:
    """The step of a neuron in normal form.

    **Raises**: `NoForm` for what no NIR neuron computes.
    """
    program, operations = node.step, node.step.expression.operations
    step = StepForms(list(program.states))
    flags = _flags(node)
    needed = program.expression.needed(list(program.expression.results.values()))
    forms: list[Form] = []
    for own, wanted in zip(operations, needed, strict=True):
        if not wanted:
            forms.append(Form({}))
        elif own.name == "input":
            forms.append(_input(node, step, str(own.value), flags))
        elif own.name == "constant":
            forms.append(constant(float(own.value)))
        else:
            with np.errstate(all="ignore"):  # what is not finite is refused
                forms.append(_computed(step, own.name, [forms[o] for o in own.operands]))
    step.results = {name: forms[p] for name, p in program.expression.results.items()}
    return step


def _input(node: Neuron, step: StepForms, name: str, flags: list[str]) -> Form:
    if name.startswith(PARAMETER):
        return constant(node.parameters[name[len(PARAMETER) :]])
    if name.startswith(STATE) and name[len(STATE) :] in flags:
        return step.state_indicator(name[len(STATE) :])
    assert name == INPUT or name.startswith(STATE)
    return Form({NONE: {name: np.ones(())}})


def _computed(step: StepForms, name: str, operands: list[Form]) -> Form:
    a, b = operands[0], operands[-1]
    if name == "add":
        return a + b
    if name == "sub":
        return a - b
    if name == "mul":
        return a * b
    if name in ("spike", "detach"):
        return a
    if name in ("greater", "greater_equal"):
        return step.indicator(a - b, name == "greater_equal")
    if name == "select":
        return _selected(*operands)
    numbers = [o.number for o in operands]
    if name == "div" and numbers[1] is not None:
        return (
            a * constant(1.0 / numbers[1])
            if numbers[0] is None
            else constant(numbers[0] / numbers[1])
        )
    if name in OF_NUMBERS and all(n is not None for n in numbers):
        value = OF_NUMBERS[name](*numbers)
        step.exponentials += [value] if name == "exp" else []
        return constant(value)
    raise NoForm(f"it has {name!r} of a state or the input")


def _selected(condition: Form, a: Form, b: Form) -> Form:
    number = condition.number
    if number is not None:
        condition = constant(number != 0)
    if not condition.is_indicator:
        raise NoForm("it selects by a value that is not a comparison")
    return condition * a + (constant(1.0) - condition) * b


def _of_one_indicator(form: Form, at_zero: bool) -> Form | None:
    """Whether a form is above 0 (or at it), where one indicator decides it, as in z > 0.5."""
    if len(form.indicators) != 1 or any(set(a) != {CONSTANT} for a in form.terms.values()):
        return None
    (product,) = set(form.terms) - {NONE}
    off = form.base.get(CONSTANT, np.zeros(()))
    on = off + form.terms[product][CONSTANT]
    without, with_it = (constant(v >= 0 if at_zero else v > 0) for v in (off, on))
    return without + Form({product: {CONSTANT: np.ones(())}}) * (with_it - without)


def _normalized(form: Form) -> tuple[Form, bool]:
    """A form with 1 as its largest coefficient of an atom, and whether its sign was changed.

    The sign of the first atom's coefficient is the same for all neurons, or the form stays as it
    is.
    """
    largest, lead = np.zeros(()), None
    for _, affine in sorted(form.terms.items(), key=lambda item: sorted(item[0])):
        for atom in sorted(affine, key=_order):
            if atom != CONSTANT:
                largest = np.maximum(largest, np.abs(affine[atom]))
                lead = affine[atom] if lead is None else lead
    if lead is None:
        return form, False
    negative = bool((lead <= 0).all())
    scale = np.where(largest > 0, largest, 1.0)
    return form.scaled((-1.0 if negative else 1.0) / scale), negative


def _order(atom: str) -> tuple[bool, str]:
    return not atom.startswith(STATE), atom


def _flags(node: Neuron) -> list[str]:
    """The states that hold 0 or 1 always."""
    program = node.step
    found = []
    for name in program.states:
        start = np.asarray(node.initial[name])
        if np.isin(start, (0.0, 1.0)).all() and _is_flag(
            node, program.expression.results[STATE + name]
        ):
            found.append(name)
    return found


def _is_flag(node: Neuron, position: int) -> bool:
    own = node.step.expression.operations[position]
    if own.name in ("spike", "detach"):
        return _is_flag(node, own.operands[0])
    return own.name in ("greater", "greater_equal")
