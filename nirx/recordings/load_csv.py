"""A recording as CSV: one row per event or sample."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, InputError, did_you_mean
from nirx.files.csv_numbers import read_place, read_value
from nirx.graphs.recording import recorded_node, resolve_record
from nirx.graphs.schedule import Schedule

__all__ = ["load_csv"]

REQUIRED = ("step", "node", "index")
COLUMNS = (*REQUIRED, "value", "sample")


@dataclass(frozen=True, eq=False)
class _Recording:
    """An array that is being filled; `given` marks the elements that have a row."""

    spikes: bool
    features: Shape
    values: np.ndarray
    given: np.ndarray


def load_csv(path: Path, schedule: Schedule, lead: Shape) -> dict[str, np.ndarray]:
    """The arrays of a CSV file with the header `step,node,index,value` and perhaps `sample`.

    Spikes: elements without a row are 0, rows for the same element add up, an empty value is 1.
    State variables and other values need a row for every step and index. The axes of an index
    or sample are separated by ";"; an empty one stands for no axes, or for axes of size 1.

    Arguments:
        schedule, lead: as in `load_file`.

    **Raises**: `FileError`, `InputError`; both name the line.
    """
    found: dict[str, _Recording] = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_header(path, list(reader.fieldnames or ()))
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if None in row or None in row.values():
                    wanted = len(reader.fieldnames or ())
                    raise FileError(f"{where}: expected {wanted} fields, as the header has")
                _add(where, {k: v.strip() for k, v in row.items()}, schedule, lead, found)
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not a text in UTF-8") from error
    except csv.Error as error:
        raise FileError(f"{path}: not a CSV file: {error}") from error
    for key, own in found.items():
        _refuse_gaps(path, key, own, len(lead))
    return {key: own.values for key, own in found.items()}


def _check_header(path: Path, header: list[str]) -> None:
    if not set(REQUIRED) <= set(header) <= set(COLUMNS) or len(set(header)) < len(header):
        raise FileError(
            f"{path}, line 1: the header is {','.join(header)!r:.200}; expected "
            "step,node,index,value (value may be left out for spikes) and perhaps sample"
        )


def _add(
    where: str, row: dict[str, str], schedule: Schedule, lead: Shape, found: dict[str, _Recording]
) -> None:
    key, text = row["node"], row.get("value", "")
    if key not in found:
        found[key] = _empty(where, key, schedule, lead)
    own = found[key]
    try:
        (step,) = read_place(where, "step", row["step"], lead[:1])
    except InputError as error:
        raise InputError(f"{error}; the input has {lead[0]} steps") from error
    sample = read_place(where, "sample", row.get("sample", ""), lead[1:])
    index = read_place(where, "index", row["index"], own.features)
    place = (step, *sample, *index)
    value = read_value(where, text, own.spikes)
    if own.spikes and value < 0:  # it would cancel spikes of other rows
        raise InputError(f"{where}: value is {text!r:.80}; expected a number of spikes")
    if not own.spikes and own.given[place]:
        raise InputError(f"{where}: {key!r} has a second row for this step and index")
    own.values[place] = own.values[place] + value if own.spikes else value
    own.given[place] = True


def _empty(where: str, key: str, schedule: Schedule, lead: Shape) -> _Recording:
    try:
        (probe,) = resolve_record(schedule, [key])
    except InputError as error:
        hint = did_you_mean(key, [node.name for node in schedule.nodes])
        raise InputError(f"{where}: nothing is called {key!r}; {hint}") from error
    node = recorded_node(schedule, probe)
    spikes = probe.variable is None and node.spiking
    shape = (*lead, *node.output_shape)
    return _Recording(spikes, node.output_shape, np.zeros(shape), np.zeros(shape, bool))


def _refuse_gaps(path: Path, key: str, own: _Recording, lead: int) -> None:
    if own.spikes or own.given.all():
        return
    step, *rest = np.argwhere(~own.given)[0].tolist()
    sample, index = rest[: lead - 1], rest[lead - 1 :]
    raise InputError(
        f"{path}: {key!r} has no row for step {step}, index {index}"
        + (f", sample {sample}" if sample else "")
        + f" ({int((~own.given).sum())} rows are missing); only spikes may be left out"
    )
