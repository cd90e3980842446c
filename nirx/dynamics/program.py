"""`Program`: the step of a neuron outside NIR, as a checked expression that is never executed
as text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nirx.dynamics.expression import ARITIES, OF_REPRODUCIBLE_MODE, Expression
from nirx.dynamics.ops import Array, Ops
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.program_form import require_form, require_operations

__all__ = ["INPUT", "OUTPUT", "PARAMETER", "STATE", "Program"]

INPUT, OUTPUT = "x", "y"
PARAMETER, STATE = "p.", "s."
"""In front of the names of parameters and states, in the inputs and results of an expression."""

MOST_OPERATIONS = 1000
MOST_FUNCTIONS = 50
"""Limit for exp, log, tanh and powers, each of which stands for a hundred operations."""
MOST_NAMES = 64
"""Limit for states, and for parameters."""
LONGEST_NAME = 64
FUNCTIONS = ("exp", "log", "tanh", "power")
KNOWN = tuple(name for name in ARITIES if name not in OF_REPRODUCIBLE_MODE)
RESERVED = ("step", "parameters", "initial", "units", "label", "metadata", "nir_type")
RESERVED += ("input_type", "output_type", "to_dict", "from_dict")


@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """One time step.

    Arguments:
        expression: its inputs are `"x"`, `"p.NAME"` and `"s.NAME"`, its results `"y"` and
            `"s.NAME"` for every state.
        states: their names, in the order of the network's state.
    """

    expression: Expression
    states: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Program({self.digest[:16]})"

    def __deepcopy__(self, memo: Any) -> Program:
        return self  # nothing in it changes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what it computes."""
        text = repr((self.expression.operations, self.expression.results, self.states))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that it reads, sorted."""
        names = (str(o.value) for o in self.expression.operations if o.name == "input")
        return tuple(sorted(n[len(PARAMETER) :] for n in names if n.startswith(PARAMETER)))

    def check(self, parameters: Sequence[str]) -> None:
        """Refuse what no program may hold. **Raises** `NodeMismatch`.

        Arguments:
            parameters: the names that the node has.
        """
        require_form(self.expression, self.states)
        operations = self.expression.operations
        if len(operations) > MOST_OPERATIONS:
            raise NodeMismatch(
                f"its step has {len(operations)} operations", f"at most {MOST_OPERATIONS}"
            )
        require_operations(self.expression)
        functions = sum(o.name in FUNCTIONS for o in operations)
        if functions > MOST_FUNCTIONS:
            raise NodeMismatch(
                f"its step has {functions} of {', '.join(FUNCTIONS)}", f"at most {MOST_FUNCTIONS}"
            )
        require_names(self.states, "states")
        require_names(parameters, "parameters")
        inputs = {INPUT, *(PARAMETER + n for n in parameters), *(STATE + n for n in self.states)}
        for position, own in enumerate(operations):
            at = f"operation {position} ({own.name[:80]!r})"
            if own.name == "input":
                if own.value not in inputs or own.operands:
                    raise NodeMismatch(f"{at} reads {own.value!r:.80}", "x, a parameter or a state")
            elif own.name == "constant":
                _number(own.value, at)
                if own.operands:
                    raise NodeMismatch(f"{at} has operands", "none")
            elif own.name not in KNOWN:
                raise NodeMismatch(f"{at} is unknown", f"one of {', '.join(KNOWN)}")
            elif len(own.operands) != ARITIES[own.name]:
                raise NodeMismatch(
                    f"{at} has {len(own.operands)} operands", f"{ARITIES[own.name]} of them"
                )
            if not all(0 <= o < position for o in own.operands):
                raise NodeMismatch(f"{at} uses a value that is not computed yet", "earlier values")
        results = {OUTPUT, *(STATE + name for name in self.states)}
        if set(self.expression.results) != results:
            found = ", ".join(sorted(self.expression.results)) or "nothing"
            raise NodeMismatch(f"its step gives {found:.200}", ", ".join(sorted(results)))
        if not all(0 <= p < len(operations) for p in self.expression.results.values()):
            raise NodeMismatch("its step gives a value that it does not compute")

    @cached_property
    def _varies(self) -> list[bool]:
        """For each operation, whether it changes from step to step."""
        marks: list[bool] = []
        for own in self.expression.operations:
            if own.name == "input":
                marks.append(not str(own.value).startswith(PARAMETER))
            else:
                marks.append(any(marks[o] for o in own.operands))
        return marks

    @cached_property
    def coefficients(self) -> tuple[int, ...]:
        """Positions of what depends on parameters only and is used by what varies, or given."""
        operations, varies = self.expression.operations, self._varies
        needed = self.expression.needed(list(self.expression.results.values()))
        used = list(self.expression.results.values())
        for position, own in enumerate(operations):
            if varies[position] and needed[position]:
                used += own.operands
        return tuple(
            p for p in sorted(set(used)) if not varies[p] and operations[p].name != "constant"
        )

    @cached_property
    def same_everywhere(self) -> tuple[str, ...]:
        """Names of the results that depend on no input and no state."""
        results = self.expression.results
        return tuple(name for name, position in results.items() if not self._varies[position])

    @cached_property
    def once(self) -> tuple[int, ...]:
        """Positions to compute for the coefficients, in order."""
        needed = self.expression.needed(self.coefficients)
        return tuple(position for position, need in enumerate(needed) if need)

    @cached_property
    def every_step(self) -> tuple[int, ...]:
        """Positions to compute in a step from the coefficients, in order."""
        known = frozenset(self.coefficients)
        needed = self.expression.needed(list(self.expression.results.values()), self.coefficients)
        return tuple(p for p, need in enumerate(needed) if need and p not in known)

    def computed(
        self,
        ops: Ops,
        positions: Sequence[int],
        known: Mapping[int, Array],
        inputs: Mapping[str, Array],
    ) -> dict[int, Array]:
        """Values of the expression.

        Arguments:
            positions: of what to compute, in order.
            known: values by position.
            inputs: by name.

        Returns: the known values and the new ones, by position.
        """
        values = dict(known)
        for position in positions:
            own = self.expression.operations[position]
            if own.name == "input":
                values[position] = inputs[str(own.value)]
            elif own.name == "constant":
                values[position] = ops.constant(float(own.value))
            else:
                apply = getattr(ops, _METHODS.get(own.name, own.name))
                values[position] = apply(*(values[o] for o in own.operands))
        return values

    @cached_property
    def gives_spikes(self) -> bool:
        """Whether the output is 0 or 1 in every step."""
        marks: list[bool] = []
        for own in self.expression.operations:
            if own.name == "constant":
                marks.append(float(own.value) in (0.0, 1.0))
            elif own.name in ("greater", "greater_equal"):
                marks.append(True)
            elif own.name in ("spike", "detach"):
                marks.append(marks[own.operands[0]])
            elif own.name in ("mul", "select"):
                operands = own.operands[1:] if own.name == "select" else own.operands
                marks.append(all(marks[o] for o in operands))
            elif own.name == "sub":
                marks.append(self._is_one(own.operands[0]) and marks[own.operands[1]])
            else:
                marks.append(False)
        position = self.expression.results[OUTPUT]
        return marks[position] and self.expression.operations[position].name != "constant"

    def _is_one(self, position: int) -> bool:
        own = self.expression.operations[position]
        return own.name == "constant" and float(own.value) == 1.0


_METHODS = {"spike": "with_surrogate", "detach": "stop_gradient"}
"""Operations whose method of `Ops` has another name."""


def require_names(names: Sequence[str], what: str) -> None:
    """Refuse names that cannot be attributes of a node. **Raises** `NodeMismatch`."""
    if len(names) > MOST_NAMES:
        raise NodeMismatch(f"it has {len(names)} {what}", f"at most {MOST_NAMES}")
    for name in names:
        good = isinstance(name, str) and name.isidentifier() and len(name) <= LONGEST_NAME
        if not good or name.startswith("_") or name in RESERVED:
            raise NodeMismatch(f"{what} has the name {str(name)[:80]!r}", "a name such as 'v_rest'")
    if len(set(names)) != len(names):
        raise NodeMismatch(f"{what} has a name twice", "different names")


def _number(value: Any, at: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise NodeMismatch(f"{at} is {str(value)[:80]!r}", "a number") from error
