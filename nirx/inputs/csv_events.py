"""CSV with a row per event: a time, a place, perhaps a sample and a value."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, InputError, did_you_mean
from nirx.files.csv_numbers import read_finite, read_place, read_value
from nirx.inputs.binning import Clock
from nirx.inputs.event_source import EventSource
from nirx.inputs.events import MICROSECONDS, merge_of, start_of
from nirx.inputs.options import Options
from nirx.inputs.pixels import POLARITIES, pixels_for
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["EventList", "Row"]

COLUMNS = ("step", "t", "index", "x", "y", "p", "sample", "value")
MOST_SAMPLES = 2**20

Row = tuple[str, list[str]]
"""Where it stands, and its fields."""


class EventList:
    """Rows into columns of numbers, columns into events per sample.

    Arguments:
        where: of the header, for messages.
        header: names of columns, in lower case.
        options: those of event lists.

    **Raises**: `FileError` for a header that says too much or too little.
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
        self.wanted, self.features, self.path = wanted, features, path
        self.header, self.options = header, options
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
        self.samples, self.values = array("q"), array("d")
        self.times: list[int | float] = []
        self.places: dict[str, list[int | float]] = {
            name: [] for name in ("index", "x", "y", "p") if name in header
        }

    def source(self, rows: Iterable[Row], name: str, watched: Watched) -> EventSource:
        """The source of all rows, for the Input `name`. **Raises** `InputError`, `FileError`."""
        for where, fields in rows:
            if len(fields) != len(self.header):
                raise FileError(f"{where}: expected {len(self.header)} fields, as the header has")
            self._add(where, dict(zip(self.header, fields, strict=True)))
        places = self._flat()
        steps, ticks = self._steps()
        samples = np.frombuffer(self.samples, np.int64)
        count = max(int(samples.max(initial=0)) + 1, math.prod(self.wanted.batch or (1,)))
        values = np.frombuffer(self.values, np.float64)
        order = np.argsort(samples, kind="stable")  # events of a sample stay in their order
        ends = np.searchsorted(samples[order], np.arange(count + 1)).tolist()
        parts = [order[a:b] for a, b in itertools.pairwise(ends)]
        lists = [_Listing(steps[own], places[own], values[own]) for own in parts]
        known = ("unit", "start", "polarity", "height", "width")
        options = {k: self.options.text(k, "") for k in known if k in self.options}
        own_identity = {"sha256": watched.sha256, "options": options, "ticks": ticks}
        where, merge = str(self.path), merge_of(self.options)
        return EventSource(where, self.wanted, {name: lists}, "csv", own_identity, merge=merge)

    def _add(self, where: str, row: dict[str, str]) -> None:
        self.lines.append(where)
        text = row.get("sample") or "0"
        most = math.prod(self.wanted.batch) if self.wanted.batch else MOST_SAMPLES
        self.samples.append(read_place(where, "sample", text, (most,))[0])
        self.values.append(read_value(where, row.get("value", ""), True))
        self.times.append(_number(where, "step" if "step" in row else "t", row))
        for column, numbers in self.places.items():
            if column == "index":
                numbers.append(self._index(where, row["index"]))
            else:
                numbers.append(_number(where, column, row))

    def _index(self, where: str, text: str) -> int:
        if ";" not in text:
            return read_place(where, "index", text, (math.prod(self.features),))[0]
        place = read_place(where, "index", text, self.features)
        return int(np.ravel_multi_index(place, self.features))

    def _steps(self) -> tuple[np.ndarray, float | None]:
        if "step" in self.header:
            for option in ("unit", "start"):
                if option in self.options:
                    raise InputError(f"{self.path}: {option}= goes with times t, not with steps")
            steps = np.array(self.times) if self.times else np.zeros(0, np.int64)
            if steps.dtype.kind == "f" and (steps != np.floor(steps)).any():
                line = self.lines[int(np.flatnonzero(steps != np.floor(steps))[0])]
                raise InputError(f"{line}: expected a whole number of steps, 0 or more")
            clock = Clock(1.0, 1.0)
            return self._located(lambda n: clock.steps(steps[n], str(self.path))), None
        times = np.array(self.times) if self.times else np.zeros(0, np.int64)
        start = start_of(self.options, lambda: times.min().item() if times.size else 0)
        unit = self.options.unit(MICROSECONDS)
        clock = Clock(unit, self.wanted.dt, start)
        found = self._located(lambda n: clock.steps(times[n], str(self.path)))
        clock.warn(str(self.path))
        return found, unit

    def _flat(self) -> np.ndarray:
        if "index" in self.places:
            return np.array(self.places["index"], np.int64)
        sensor = (self.options.whole("height", None, 1), self.options.whole("width", None, 1))
        polarity = self.options.text("polarity", "channel", POLARITIES)
        where = str(self.path)
        grid = pixels_for(where, self.features, "y" in self.places, polarity, sensor)
        columns = {k: np.array(v) if v else np.zeros(0, int) for k, v in self.places.items()}

        def places(n: slice) -> np.ndarray:
            own = {k: v[n] for k, v in columns.items()}
            return grid.places(where, own["x"], own.get("y"), own.get("p"))

        return self._located(places)

    def _located(self, convert: Callable[[slice], np.ndarray]) -> np.ndarray:
        """All rows at once; where that is refused, the message names the first bad line."""
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


def _number(where: str, column: str, row: dict[str, str]) -> int | float:
    text = row[column]
    value = read_finite(where, column, text)
    try:
        return int(text) if len(text) < 19 else value  # whole ticks are divided exactly
    except ValueError:
        return value
