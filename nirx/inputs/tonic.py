"""Data sets of tonic, through its API, if it is installed."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache, partial
from importlib import import_module
from typing import Any

import numpy as np

from nirx.errors import InputError, UnsupportedError, did_you_mean
from nirx.inputs.camera import CameraEvents, EventOptions, format_of, only_input
from nirx.inputs.event_source import EventSource
from nirx.inputs.options import Options
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import is_reopening

__all__ = ["TONIC_OPTIONS", "tonic_source"]

TONIC_OPTIONS = ("split", "first", "count", "save_to", "unit", "start", "merge", "polarity")
SPLITS = ("train", "test")
FIELDS = "txyp"


def tonic_source(wanted: Wanted, name: str, options: Options) -> EventSource:
    """Recordings of a data set as samples of the batch; one at a time is in memory.

    Arguments:
        name: of a class in `tonic.datasets`.
        options: `split` (train, test), `first` and `count` (which recordings, by default the
            first one), `save_to` (where tonic keeps its data, by default "data"), and those of
            event lists except the size of the sensor, which tonic knows.

    **Units**: tonic's times are microseconds; dt in seconds.

    **Raises**: `UnsupportedError` without tonic; `InputError`.

    **Source**: tonic, `tonic.datasets`: events with the fields t, x, p and perhaps y.
    """
    where = f"tonic:{name}"
    wished, features = only_input(where, wanted, "a data set")
    chosen = EventOptions(wanted.dt, features, where, format_of(options))
    dataset, version = _dataset(name, options)
    first, count = options.whole("first", 0) or 0, options.whole("count", 1, 1) or 1
    if first + count > len(dataset):
        raise InputError(
            f"{where}: recordings {first} to {first + count - 1}, but there are {len(dataset)}"
        )

    @lru_cache(maxsize=1)
    def recording(number: int) -> dict[str, np.ndarray]:
        return _fields(dataset[number], f"{where}[{number}]")

    def columns(number: int) -> dict[str, np.ndarray]:
        return {"time" if k == "t" else k: v for k, v in recording(number).items()}

    width, height, *_ = getattr(dataset, "sensor_size", None) or (None, None)
    reopening = is_reopening()
    hasher = hashlib.sha256()
    samples: list[CameraEvents | LaterEvents] = []
    for number in range(first, first + count):
        own = partial(columns, number)
        make = partial(CameraEvents, f"{where}[{number}]", own, chosen, (height, width))
        if reopening:
            samples.append(LaterEvents(make))
            continue
        for field, values in recording(number).items():
            hasher.update(f"{field}{len(values)}:".encode())
            hasher.update(values.astype("<f8").tobytes())
        samples.append(make())
    identity = {
        "dataset": name,
        "split": options.text("split", "test"),
        "first": first,
        "count": count,
        "tonic": version,
        "events_sha256": hasher.hexdigest(),
        "unit": chosen.unit,
        "start": options.text("start", "0"),
        "polarity": chosen.form.polarity,
    }
    source = EventSource(where, wanted, {wished: samples}, "tonic", identity, merge=chosen.merge)
    for sample in samples:
        if isinstance(sample, CameraEvents):
            sample.clock.warn(where)
    return source


class LaterEvents:
    """The events of a recording that is loaded when it is needed: another process has seen it."""

    def __init__(self, make: Callable[[], CameraEvents]):
        self._make = make

    @cached_property
    def _events(self) -> CameraEvents:
        return self._make()

    @property
    def count(self) -> int:
        return self._events.count

    def block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, None]:
        """See `CameraEvents.block`."""
        return self._events.block(start, stop)


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
