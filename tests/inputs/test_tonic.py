"""tonic's data sets, with a module that has tonic's API."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

from nirx.errors import InputError, UnsupportedError
from nirx.inputs import source_for
from support.inputs import input_schedule

EVENTS = np.dtype([("t", "i8"), ("x", "i2"), ("y", "i2"), ("p", "?")])
SOUND = np.dtype([("t", "i8"), ("x", "i2"), ("p", "i1")])


class Camera:
    """Recording k has one event: at k ms, x = k, y = 1, on."""

    sensor_size: ClassVar = (5, 4, 2)
    made: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, save_to: str, train: bool = True):
        self.made.append({"save_to": save_to, "train": train})

    def __len__(self) -> int:
        return 5

    def __getitem__(self, k: int) -> tuple[np.ndarray, int]:
        return np.array([(1000 * k, k, 1, True)], EVENTS), k


class Sound:
    sensor_size: ClassVar = (7, 1, 1)

    def __init__(self, save_to: str):
        pass

    def __len__(self) -> int:
        return 1

    def __getitem__(self, k: int) -> tuple[np.ndarray, int]:
        return np.array([(0, 3, 1), (4000, 6, 1)], SOUND), 0


class Frames(Camera):
    def __getitem__(self, k: int) -> Any:
        return np.zeros((2, 2)), 0


@pytest.fixture
def tonic(monkeypatch):
    package: Any = ModuleType("tonic")
    package.datasets = ModuleType("tonic.datasets")
    package.__version__ = "1.6.0"
    for maker in (Camera, Sound, Frames):
        setattr(package.datasets, maker.__name__, maker)
    monkeypatch.setitem(sys.modules, "tonic", package)
    monkeypatch.setitem(sys.modules, "tonic.datasets", package.datasets)
    Camera.made.clear()
    return package


def test_recordings_are_samples(tonic):
    text = "tonic:Camera,split=train,first=1,count=3,save_to=there"
    source = source_for(input_schedule(2, 4, 5), text, "float32")
    assert (source.steps, source.batch) == (4, (3,))
    found = source.read(0, 4)["in"]
    assert [tuple(p) for p in np.argwhere(found)] == [(k, k - 1, 1, 1, k) for k in (1, 2, 3)]
    assert Camera.made == [{"save_to": "there", "train": True}]
    assert "there" not in str(source.identity)
    assert np.array_equal(source.read(2, 3)["in"], found[2:3])


def test_one_recording_of_the_test_set_is_the_default(tonic):
    source = source_for(input_schedule(40), "tonic:Camera,first=2", "float32")
    found = source.read(0, source.steps)["in"].reshape(3, 1, 2, 4, 5)
    assert found[2, 0, 1, 1, 2] == found.sum() == 1
    assert Camera.made == [{"save_to": "data", "train": False}]


def test_events_without_rows_and_a_set_without_splits(tonic):
    source = source_for(input_schedule(7), "tonic:Sound", "float32")
    assert [tuple(p) for p in np.argwhere(source.read(0, 5)["in"])] == [(0, 0, 3), (4, 0, 6)]
    with pytest.raises(InputError, match="has no splits"):
        source_for(input_schedule(7), "tonic:Sound,split=test", "float32")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tonic:Camra", "no data set 'Camra'; did you mean 'Camera'"),
        ("tonic:Camera,split=tset", "did you mean 'test'"),
        ("tonic:Camera,first=3,count=3", "recordings 3 to 5, but there are 5"),
        ("tonic:Camera,frist=3", "did you mean 'first'"),
        ("tonic:Camera,count=0", "1 or more"),
        ("tonic:Frames", "expected events with the fields t, x, p"),
    ],
)
def test_bad_texts_are_refused(tonic, text, message):
    with pytest.raises(InputError, match=message):
        source_for(input_schedule(2, 4, 5), text, "float32")


def test_a_sensor_that_does_not_fit_is_refused(tonic):
    with pytest.raises(InputError, match="width 4"):
        source_for(input_schedule(2, 4, 3), "tonic:Camera,first=3", "float32")


def test_a_missing_tonic_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tonic", None)
    with pytest.raises(UnsupportedError, match="pip install tonic"):
        source_for(input_schedule(2, 4, 5), "tonic:NMNIST", "float32")
