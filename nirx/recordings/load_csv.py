"""A recording as CSV: one row per event or sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, InputError
from nirx.files.csv_numbers import read_value
from nirx.graphs.schedule import Schedule
from nirx.inputs.csv_rows import CsvHeader, Row, csv_rows, read_number, read_spot
from nirx.inputs.event_format import EventFormat
from nirx.inputs.event_rows import EventRows
from nirx.recordings.event_layers import EventLayers, Loaded
from nirx.recordings.layer_array import Layer

__all__ = ["load_csv"]

REQUIRED = {"step", "node", "index"}
OPTIONAL = {"value", "sample"}
"""The header that nirx itself writes of: in such a file repeated rows add up."""


@dataclass(eq=False)
class _Group:
    """The rows of one layer, or of all of them, while they are read."""

    layer: Layer | None
    lines: list[str] = field(default_factory=list)
    columns: dict[str, list[int | float]] = field(default_factory=dict)


def load_csv(
    path: Path, schedule: Schedule, lead: Shape, form: EventFormat | None = None
) -> Loaded:
    """The arrays of a CSV file with a row per event or sample.

    It says when (step or time), where (neuron, or x, y, p) and, where there are several layers,
    in which node; perhaps sample and value. `form` says which column is what. Spikes: elements
    without a row are 0, an empty value is 1. State variables and other values need a row for
    every step and index. The axes of an index or sample are separated by ";"; an empty one
    stands for no axes, or for axes of size 1.

    Arguments:
        schedule, lead: as in `load_file`.
        form: how it is laid out; None recognises the usual names.

    **Raises**: `FileError`, `InputError`; both name the line.
    """
    rows = csv_rows(path)
    first = next(rows, None)
    if first is None:
        raise FileError(f"{path}, line 1: the header is ''; expected step,node,index,value")
    given = form or EventFormat()
    header = CsvHeader.of(first, given)
    header.require(first)
    native = form is None and REQUIRED <= {*_lower(first)} <= REQUIRED | OPTIONAL
    layers = EventLayers(str(path), schedule, lead, given, strict=not native)
    groups: dict[str | None, _Group] = {}
    for row in rows:
        cells = header.cells(row)
        key = cells.pop("node", None)
        if key not in groups:
            groups[key] = _Group(_layer(layers, row[0], key))
        _add(groups[key], row[0], cells, header, layers)
    if not groups and "node" not in header.names:  # no events at all: the layer was silent
        groups[None] = _Group(_layer(layers, str(path), None))
    column = header.names.get("time", "")
    for key, group in groups.items():
        columns = {what: np.array(group.columns.get(what, ())) for what in header.names}
        columns.pop("node", None)
        if "neuron" in columns and layers.addresses is None:
            columns["place"] = columns.pop("neuron").astype(np.int64)
        own = EventRows(str(path), lambda number, group=group: group.lines[number], columns)
        layers.add(key, own, column)
    found = layers.arrays()
    return Loaded(
        found.arrays,
        None if native else found.timing,
        layers.notes(header.ignored, column),
        "node" in header.names,
    )


def _layer(layers: EventLayers, where: str, key: str | None) -> Layer | None:
    """The layer of some rows; None if an address map names it."""
    if layers.addresses is not None and layers.addresses.names_nodes:
        return None
    return layers.layer(where, layers.sole(where) if key is None else key)


def _add(
    group: _Group, where: str, cells: dict[str, str], header: CsvHeader, layers: EventLayers
) -> None:
    group.lines.append(where)
    spikes = group.layer is None or group.layer.spikes
    for what, text in cells.items():
        name = header.names[what]
        if what == "value":
            number = read_value(where, text, spikes)
            if spikes and number < 0:  # it would cancel spikes of other rows
                raise InputError(f"{where}: value is {text!r:.80}; expected a number of spikes")
        elif what == "sample":
            number = read_spot(where, name, text, layers.lead[1:])
        elif what == "neuron" and layers.addresses is None and group.layer is not None:
            number = read_spot(where, name, text, group.layer.features)
        else:
            number = read_number(where, name, text)
        group.columns.setdefault(what, []).append(number)


def _lower(row: Row) -> list[str]:
    return [name.lower() for name in row[1]]
