"""`Program`: the step of a neuron outside NIR, as a checked expression that is never executed
as text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nirx.dynamics.expression import ARITIES, OF_REPRODUCIBLE_MODE, Expression, Operation
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


def table(program: Program) -> dict[str, Any]:
    """A program as arrays and text, for a file.

    Returns: "operations" int64 [n, 4] (a row of "names", then three operands or -1; for an input
    its row of "names", for a constant its row of "constants"), "constants" float64, "results"
    int64 [1 + states], "names" and "states" (one per line).
    """
    names: dict[str, int] = {}
    constants: list[float] = []
    rows = np.full((len(program.expression.operations), 4), -1, np.int64)
    for row, own in zip(rows, program.expression.operations, strict=True):
        row[0] = names.setdefault(own.name, len(names))
        row[1 : 1 + len(own.operands)] = own.operands
        if own.name == "input":
            row[1] = names.setdefault(str(own.value), len(names))
        elif own.name == "constant":
            row[1] = len(constants)
            constants.append(float(own.value))
    results = [program.expression.results[k] for k in _results(program.states)]
    return {
        "operations": rows,
        "constants": np.array(constants, np.float64),
        "results": np.array(results, np.int64),
        "names": "\n".join(names),
        "states": "\n".join(program.states),
    }


def program_of(given: Mapping[str, Any]) -> Program:
    """The program of a `table`, which may come from anywhere.

    **Raises**: `NodeMismatch`. The caller checks the program itself.
    """
    rows = _array(given, "operations", "i", 2)
    constants, results = _array(given, "constants", "f", 1), _array(given, "results", "i", 1)
    names, states = _lines(given, "names"), tuple(_lines(given, "states"))
    if rows.shape[1] != 4 or len(rows) > MOST_OPERATIONS:
        raise NodeMismatch(
            f"operations has shape {rows.shape}", f"at most {MOST_OPERATIONS} rows of 4 numbers"
        )
    if len(results) != 1 + len(states) or len(states) > MOST_NAMES:
        raise NodeMismatch(f"{len(results)} results and {len(states)} states", "y, then the states")
    operations: list[Operation] = []
    for number, row in enumerate(rows.tolist()):
        name = _entry(names, row[0], f"operation {number}")
        at = f"operation {number} ({name[:80]!r})"
        if name == "input":
            operations.append(Operation(name, (), _entry(names, row[1], at)))
        elif name == "constant":
            value = _entry(constants.tolist(), row[1], at)
            operations.append(Operation(name, (), repr(value)))
        else:
            count = ARITIES.get(name, 3)
            if any(o != -1 for o in row[1 + count :]):
                raise NodeMismatch(f"{at} has more operands", f"{count} of them")
            operations.append(Operation(name, tuple(row[1 : 1 + count])))
    places = range(len(operations))
    found = {
        key: _entry(places, p, f"result {key!r}")
        for key, p in zip(_results(states), results.tolist(), strict=True)
    }
    return Program(Expression(operations, found), states)


def _results(states: Sequence[str]) -> list[str]:
    return [OUTPUT, *(STATE + name for name in states)]


def _array(given: Mapping[str, Any], name: str, kind: str, rank: int) -> np.ndarray:
    array = np.asarray(given.get(name, ()))
    if array.size == 0:
        array = np.zeros((0, 4)[:rank], kind + "8")
    if array.dtype.kind != kind or array.ndim != rank:
        raise NodeMismatch(
            f"{name} is an array of {array.dtype} with {array.ndim} axes",
            f"{'whole numbers' if kind == 'i' else 'floats'} with {rank} axes",
        )
    return array


def _lines(given: Mapping[str, Any], name: str) -> list[str]:
    text = given.get(name, "")
    if not isinstance(text, str):
        raise NodeMismatch(f"{name} is a {type(text).__name__}", "text, one name per line")
    return text.split("\n") if text else []


def _entry(entries: Sequence[Any], index: int, at: str) -> Any:
    if not 0 <= index < len(entries):
        raise NodeMismatch(f"{at} names entry {index}", f"one of {len(entries)}")
    return entries[index]
