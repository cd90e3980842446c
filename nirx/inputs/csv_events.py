"""CSV with a row per event: a time, a place, perhaps a sample and a value."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError
from nirx.files.csv_numbers import read_value
from nirx.inputs.camera import EVENT_OPTIONS, EventOptions, format_of, identity_of
from nirx.inputs.csv_rows import CsvHeader, Row, read_number, read_spot
from nirx.inputs.event_rows import EventRows
from nirx.inputs.event_source import EventSource
from nirx.inputs.options import Options
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["EventList"]

MOST_SAMPLES = 2**20


class EventList:
    """Rows to columns of numbers, columns to events per sample.

    Arguments:
        header: names of columns.
        options: those of event lists.

    **Raises**: `FileError` for columns that are unknown, missing or contradict each other.
    """

    def __init__(
        self,
        wanted: Wanted,
        features: Shape,
        path: Path,
        header: Row,
        options: Options,
    ):
        self.wanted, self.features, self.path, self.options = wanted, features, str(path), options
        form = format_of(options)
        self.header = CsvHeader.of(header, form)
        names, where = self.header.names, header[0]
        if "node" in names:
            raise FileError(f"{where}: {names['node']!r} names layers; an Input has none")
        self.header.require(header)
        column = names.get("time", "t")
        self.chosen = EventOptions(wanted.dt, features, str(path), form, column=column)
        self.lines: list[str] = []
        self.columns: dict[str, list[Any]] = {what: [] for what in names}

    def source(self, rows: Iterable[Row], name: str, watched: Watched) -> EventSource:
        """The source of all rows, for the Input `name`. **Raises** `InputError`, `FileError`."""
        for row in rows:
            where = row[0]
            self.lines.append(where)
            for what, text in self.header.cells(row).items():
                self.columns[what].append(self._parsed(where, what, text))
        columns = {what: _numbers(own) for what, own in self.columns.items()}
        if "neuron" in columns and self.chosen.addresses is None:
            columns["place"] = columns.pop("neuron")
        listed = EventRows(self.path, lambda number: self.lines[number], columns)
        places = listed.places(self.chosen)
        timed = "time" in columns
        clock = self.chosen.clock(columns["time"]) if timed else self.chosen.clock_of_steps()
        steps = listed.steps(clock)
        if timed:
            clock.warn(self.path)
        samples = np.array(self.columns.get("sample", [0] * len(steps)), np.int64)
        values = np.array(self.columns.get("value", [1] * len(steps)), np.float64)
        count = max(int(samples.max(initial=0)) + 1, math.prod(self.wanted.batch or (1,)))
        order = np.argsort(samples, kind="stable")  # events of a sample stay in their order
        ends = np.searchsorted(samples[order], np.arange(count + 1)).tolist()
        parts = [order[a:b] for a, b in itertools.pairwise(ends)]
        lists = [_Listing(steps[own], places[own], values[own]) for own in parts]
        known = (option for option in EVENT_OPTIONS if option != "merge")
        options = {k: self.options.text(k, "") for k in known if k in self.options}
        options |= identity_of(self.options, self.chosen)
        ticks = self.chosen.unit if timed else None
        own = {"sha256": watched.sha256, "options": options, "ticks": ticks}
        return EventSource(
            self.path,
            self.wanted,
            {name: lists},
            "csv",
            own,
            merge=self.chosen.merge,
            row=lambda sample, number: self.lines[int(parts[sample][number])],
        )

    def _parsed(self, where: str, what: str, text: str) -> int | float:
        name = self.header.names[what]
        if what == "value":
            return read_value(where, text, True)
        if what == "sample":
            most = math.prod(self.wanted.batch) if self.wanted.batch else MOST_SAMPLES
            return read_spot(where, name, text or "0", (most,))
        if what == "neuron" and self.chosen.addresses is None:
            return read_spot(where, name, text, self.features)
        return read_number(where, name, text)


@dataclass(frozen=True, eq=False)
class _Listing:
    """Events of one sample, in memory."""

    steps: np.ndarray
    places: np.ndarray
    values: np.ndarray

    @property
    def count(self) -> int:
        return len(self.steps)

    def block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        own = slice(start, stop)
        return self.steps[own], self.places[own], self.values[own]


def _numbers(column: Sequence[int | float]) -> np.ndarray:
    return np.array(column) if column else np.zeros(0, np.int64)
