"""Data sets of tonic, through its API, where it is installed."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from nirx.errors import InputError, UnsupportedError, did_you_mean
from nirx.inputs.binning import Clock
from nirx.inputs.event_source import EventSource
from nirx.inputs.events import MICROSECONDS, merge_of, only_input, start_of
from nirx.inputs.options import Options
from nirx.inputs.pixels import POLARITIES, Pixels, pixels_for
from nirx.inputs.protocol import Wanted

__all__ = ["TONIC_OPTIONS", "tonic_source"]

TONIC_OPTIONS = ("split", "first", "count", "save_to", "unit", "start", "merge", "polarity")
SPLITS = ("train", "test")
FIELDS = "txyp"


def tonic_source(wanted: Wanted, name: str, options: Options) -> EventSource:
    """Recordings of a data set as samples of the batch.

    Arguments:
        name: of a class in `tonic.datasets`.
        options: `split` (train, test), `first` and `count` (which recordings, default the first
            one), `save_to` (where tonic keeps its data, default "data"), and `unit`, `start`,
            `merge`, `polarity` as of event lists.

    One recording at a time is in memory.

    **Units**: tonic's times are microseconds; dt in seconds.

    **Raises**: `UnsupportedError` without tonic; `InputError`.

    **Source**: tonic, `tonic.datasets`: events with the fields t, x, p and perhaps y.
    """
    where = f"tonic:{name}"
    wished, features = only_input(where, wanted, "a data set")
    dataset, version = _dataset(name, options)
    first, count = options.whole("first", 0) or 0, options.whole("count", 1, 1) or 1
    if first + count > len(dataset):
        raise InputError(
            f"{where}: recordings {first} to {first + count - 1}, but there are {len(dataset)}"
        )

    @lru_cache(maxsize=1)
    def recording(number: int) -> dict[str, np.ndarray]:
        return _fields(dataset[number], f"{where}[{number}]")

    polarity, unit = options.text("polarity", "channel", POLARITIES), options.unit(MICROSECONDS)
    sensor = getattr(dataset, "sensor_size", None)
    hasher = hashlib.sha256()
    lists: list[_Recording] = []
    clocks: list[Clock] = []
    for number in range(first, first + count):
        own = recording(number)
        for field in FIELDS:
            if field in own:
                hasher.update(f"{field}{len(own[field])}:".encode())
                hasher.update(own[field].astype("<f8").tobytes())
        height, width = (sensor[1], sensor[0]) if sensor else (None, None)
        grid = pixels_for(where, features, "y" in own, polarity, (height, width))
        begin = start_of(options, lambda t=own["t"]: t.min().item() if t.size else 0)
        clocks.append(Clock(unit, wanted.dt, begin))
        place = f"{where}[{number}]"
        lists.append(_Recording(recording, number, len(own["t"]), grid, clocks[-1], place))
    identity = {
        "dataset": name,
        "split": options.text("split", "test"),
        "first": first,
        "count": count,
        "tonic": version,
        "events_sha256": hasher.hexdigest(),
        "unit": unit,
        "start": options.text("start", "0"),
        "polarity": polarity,
    }
    source = EventSource(where, wanted, {wished: lists}, "tonic", identity, merge=merge_of(options))
    for clock in clocks:
        clock.warn(where)
    return source


def _dataset(name: str, options: Options) -> tuple[Any, str]:
    try:
        tonic, datasets = import_module("tonic"), import_module("tonic.datasets")
    except ImportError as error:
        raise UnsupportedError(
            f"tonic cannot be imported: {error}; install it with: pip install tonic"
        ) from error
    known = list(_classes(datasets))
    if name not in known:
        raise InputError(f"tonic has no data set {name!r}; {did_you_mean(name, known)}")
    maker = getattr(datasets, name)
    arguments: dict[str, Any] = {"save_to": options.text("save_to", "data")}
    split = options.text("split", "test", SPLITS)
    if "train" in inspect.signature(maker).parameters:
        arguments["train"] = split == "train"
    elif "split" in options:
        raise InputError(f"tonic:{name} has no splits; leave out split={split}")
    return maker(**arguments), str(getattr(tonic, "__version__", "unknown"))


def _classes(datasets: Any) -> Iterator[str]:
    for name in dir(datasets):
        if not name.startswith("_") and isinstance(getattr(datasets, name), type):
            yield name


def _fields(item: Any, where: str) -> dict[str, np.ndarray]:
    events = item[0] if isinstance(item, tuple) else item
    names = getattr(getattr(events, "dtype", None), "names", None) or ()
    if "t" not in names or "x" not in names:
        raise InputError(
            f"{where}: expected events with the fields t, x, p and perhaps y; found "
            f"{', '.join(names) or type(events).__name__}"
        )
    return {field: events[field] for field in FIELDS if field in names}


class _Recording:
    """The events of one recording, asked of tonic again whenever they are needed."""

    def __init__(self, load: Any, number: int, count: int, grid: Pixels, clock: Clock, where: str):
        self._load, self._number, self.count = load, number, count
        self._grid, self._clock, self._where = grid, clock, where

    def block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, None]:
        found = {name: values[start:stop] for name, values in self._load(self._number).items()}
        steps = self._clock.steps(found["t"], self._where)
        y, p = found.get("y"), found.get("p")
        return steps, self._grid.places(self._where, found["x"], y, p), None
