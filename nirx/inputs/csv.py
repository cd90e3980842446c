"""CSV files: a table with a row per step, or a list with a row per event. They are read whole."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, InputError
from nirx.files.csv_numbers import is_number, read_value
from nirx.inputs.arrays import ArraySource
from nirx.inputs.camera import COLUMN_OPTIONS, EVENT_OPTIONS, only_input
from nirx.inputs.csv_events import EventList
from nirx.inputs.csv_rows import Row, csv_rows
from nirx.inputs.event_format import recognised
from nirx.inputs.options import Options
from nirx.inputs.protocol import Source, Wanted
from nirx.inputs.watched import Watched

__all__ = ["csv_source"]


def csv_source(wanted: Wanted, path: Path, options: Options) -> Source:
    """A CSV file for the only Input.

    Table: one row per step, one column per feature; perhaps a header first, in which no name is
    a number.
    List: a header with `step` or `t`; `index` (flat, or axes separated by ";") or `x` and perhaps
    `y` and `p`; perhaps `sample` and `value`. Everything without a row is 0.

    **Units**: t is in microseconds (dt in seconds) unless `unit` says otherwise.

    **Raises**: `FileError`, `InputError`; both name the line.
    """
    watched = Watched(path)
    name, features = only_input(str(path), wanted, "a CSV file")
    rows = csv_rows(path)
    first = next(rows, None)
    if first is None:
        raise FileError(f"{path}: no rows; expected one per step, or a header and events")
    if _lists_events(first, options):
        return EventList(wanted, features, path, first, options).source(rows, name, watched)
    if options.events is not None:
        raise InputError(f"{path}: a table with a row per step; events= goes with events")
    for option in EVENT_OPTIONS:
        if option in options:
            raise InputError(f"{path}: a table with a row per step; {option}= goes with events")
    table = _table(first, rows, features)
    own = {"sha256": watched.sha256}
    return ArraySource(str(path), wanted, {name: table}, "csv", own)


def _lists_events(first: Row, options: Options) -> bool:
    """Whether the first row is the header of a list of events, and not a table's."""
    names = {field.lower() for field in first[1]}
    stated = options.events is not None and options.events.columns
    if stated or any(option in options for option in COLUMN_OPTIONS):
        return True
    if {"step", "t"} & names and {"index", "x"} & names:
        return True
    held = {recognised(name) for name in names}
    return None not in held and bool({"step", "time"} & held) and bool({"neuron", "x"} & held)


def _table(first: Row, rows: Iterator[Row], features: Shape) -> np.ndarray:
    size = math.prod(features)
    values = array("d")
    if _holds_numbers(first):
        _add_row(values, first, size)
    elif len(first[1]) != size:
        raise InputError(f"{first[0]}: a header of {len(first[1])} columns; {_expected(features)}")
    for row in rows:
        _add_row(values, row, size)
    return np.frombuffer(values, np.float64).reshape(-1, *features)


def _holds_numbers(first: Row) -> bool:
    """Whether the first row is data, not a header. **Raises** `InputError` for a mixture.

    A typo in the first number must not turn the first step into a header.
    """
    where, fields = first
    numbers = [is_number(field) for field in fields]
    if any(numbers) and not all(numbers):
        word, number = numbers.index(False), numbers.index(True)
        raise InputError(
            f"{where}: column {word + 1} is {fields[word]!r:.80}, which is not a number, but "
            f"column {number + 1} is {fields[number]!r:.80}; expected numbers alone, or a header "
            "in which no name is a number"
        )
    return all(numbers)


def _add_row(values: array[float], row: Row, size: int) -> None:
    where, fields = row
    if len(fields) != size:
        raise InputError(f"{where}: {len(fields)} columns; {_expected((size,))}")
    for field in fields:
        values.append(read_value(where, field, False))


def _expected(features: Shape) -> str:
    return (
        f"expected {math.prod(features)}, one per feature, or events under a header such as "
        "step,index or t,x,y,p"
    )
