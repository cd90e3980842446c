"""CSV with a row per event: a time, a place, perhaps a sample and a value."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, InputError, did_you_mean
from nirx.files.csv_numbers import read_finite, read_place, read_value
from nirx.inputs.binning import Clock
from nirx.inputs.camera import EVENT_OPTIONS, EventOptions
from nirx.inputs.event_source import EventSource
from nirx.inputs.options import Options
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["EventList", "Row"]

COLUMNS = ("step", "t", "index", "x", "y", "p", "sample", "value")
MOST_SAMPLES = 2**20

Row = tuple[str, list[str]]
"""Where it is, and its fields."""


class EventList:
    """Rows to columns of numbers, columns to events per sample.

    Arguments:
        where: of the header, for messages.
        header: names of columns, in lower case.
        options: those of event lists.

    **Raises**: `FileError` for columns that are unknown, missing or contradict each other.
    """

    def __init__(
        self,
        wanted: Wanted,
        features: Shape,
        path: Path,
        where: str,
        header: list[str],
        options: Options,
    ):
        self.wanted, self.features, self.path, self.options = wanted, features, str(path), options
        self.chosen = EventOptions(wanted, features, str(path), options)
        for number, name in enumerate(header):
            if name not in COLUMNS:
                raise FileError(f"{where}: unknown column {name!r}; {did_you_mean(name, COLUMNS)}")
            if name in header[:number]:
                raise FileError(f"{where}: two columns {name!r}")
        for pair in (("step", "t"), ("index", "x")):
            if set(pair) <= set(header):
                raise FileError(f"{where}: columns {pair[0]!r} and {pair[1]!r}; expected one")
        if "index" in header and {"y", "p"} & set(header):
            raise FileError(f"{where}: y and p go with x, not with index")
        self.lines: list[str] = []
        self.columns: dict[str, list[Any]] = {name: [] for name in header}

    def source(self, rows: Iterable[Row], name: str, watched: Watched) -> EventSource:
        """The source of all rows, for the Input `name`. **Raises** `InputError`, `FileError`."""
        for where, fields in rows:
            if len(fields) != len(self.columns):
                raise FileError(f"{where}: expected {len(self.columns)} fields, as the header has")
            self.lines.append(where)
            for column, text in zip(self.columns, fields, strict=True):
                self.columns[column].append(self._parsed(where, column, text))
        places = self._places()
        steps, ticks = self._steps()
        samples = np.array(self.columns.get("sample", [0] * len(steps)), np.int64)
        values = np.array(self.columns.get("value", [1] * len(steps)), np.float64)
        count = max(int(samples.max(initial=0)) + 1, math.prod(self.wanted.batch or (1,)))
        order = np.argsort(samples, kind="stable")  # events of a sample stay in their order
        ends = np.searchsorted(samples[order], np.arange(count + 1)).tolist()
        parts = [order[a:b] for a, b in itertools.pairwise(ends)]
        lists = [_Listing(steps[own], places[own], values[own]) for own in parts]
        known = (option for option in EVENT_OPTIONS if option != "merge")
        options = {k: self.options.text(k, "") for k in known if k in self.options}
        own = {"sha256": watched.sha256, "options": options, "ticks": ticks}
        events, merge = {name: lists}, self.chosen.merge
        return EventSource(self.path, self.wanted, events, "csv", own, merge=merge)

    def _parsed(self, where: str, column: str, text: str) -> int | float:
        if column == "value":
            return read_value(where, text, True)
        if column == "sample":
            most = math.prod(self.wanted.batch) if self.wanted.batch else MOST_SAMPLES
            return read_place(where, column, text or "0", (most,))[0]
        if column == "index" and ";" in text:
            place = read_place(where, column, text, self.features)
            return int(np.ravel_multi_index(place, self.features))
        if column == "index":
            return read_place(where, column, text, (math.prod(self.features),))[0]
        number = read_finite(where, column, text)
        try:
            return int(text) if len(text) < 19 else number  # whole ticks are divided exactly
        except ValueError:
            return number

    def _steps(self) -> tuple[np.ndarray, float | None]:
        """The step of each event, and the length of a tick of t."""
        if "t" in self.columns:
            times = _numbers(self.columns["t"])
            clock = self.chosen.clock(times)
            found = self._located(lambda n: clock.steps(times[n], self.path))
            clock.warn(self.path)
            return found, self.chosen.unit
        for option in ("unit", "start"):
            if option in self.options:
                raise InputError(f"{self.path}: {option}= goes with times t, not with steps")
        steps = _numbers(self.columns["step"])
        if (steps != np.floor(steps)).any():
            line = self.lines[int(np.flatnonzero(steps != np.floor(steps))[0])]
            raise InputError(f"{line}: expected a whole number of steps, 0 or more")
        clock = Clock(1.0, 1.0)
        return self._located(lambda n: clock.steps(steps[n], self.path)), None

    def _places(self) -> np.ndarray:
        """The flat index of each event."""
        if "index" in self.columns:
            return np.array(self.columns["index"], np.int64)
        pixels = self.chosen.pixels("y" in self.columns)
        columns = {k: _numbers(self.columns[k]) for k in "xyp" if k in self.columns}

        def places(n: slice) -> np.ndarray:
            own = {k: v[n] for k, v in columns.items()}
            return pixels.places(self.path, own["x"], own.get("y"), own.get("p"))

        return self._located(places)

    def _located(self, convert: Callable[[slice], np.ndarray]) -> np.ndarray:
        """Convert all rows at once; if that fails, name the first bad line."""
        try:
            return convert(slice(None))
        except InputError:
            for number, line in enumerate(self.lines):
                try:
                    convert(slice(number, number + 1))
                except InputError as error:
                    text = str(error).removeprefix(f"{self.path}: ")
                    raise InputError(f"{line}: {text}") from None
            raise


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
