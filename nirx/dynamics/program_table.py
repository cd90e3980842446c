"""A `Program` as arrays and text, and back: its form in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nirx.dynamics.expression import ARITIES, Expression, Operation
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.program import MOST_NAMES, MOST_OPERATIONS, OUTPUT, STATE, Program

__all__ = ["program_of", "table"]


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
