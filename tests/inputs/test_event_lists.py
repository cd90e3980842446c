"""Event lists in HDF5: one recording or several, options, and sensors that do not fit."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from nirx.errors import FileError, InputError
from nirx.graphs.schedule import schedule
from support.inputs import CAMERA, STEP, camera, input_schedule, read, two_inputs


def test_one_recording_at_the_root(tmp_path):
    found = read(camera(tmp_path / "x.h5"), CAMERA)
    assert found.shape == (3, 1, 2, 4, 5)
    assert (found[0, 0, 0, 0, 0], found[2, 0, 1, 3, 4], found.sum()) == (1, 2, 3)


@pytest.mark.parametrize(
    ("options", "shape", "total"),
    [
        ("merge=any", (3, 1, 2, 4, 5), 2),
        ("unit=ms", (2601, 1, 2, 4, 5), 3),
        ("unit=1e-5", (27, 1, 2, 4, 5), 3),
        ("polarity=ignore", (3, 1, 2, 4, 5), 3),
        ("start=first", (3, 1, 2, 4, 5), 3),
    ],
)
def test_options_of_event_lists(tmp_path, options, shape, total):
    found = read(f"events:{camera(tmp_path / 'x.h5')},{options}", CAMERA)
    assert found.shape == shape
    assert found.sum() == total


def test_a_clock_that_does_not_begin_at_0_needs_start_first(tmp_path):
    path = camera(tmp_path / "x.h5", t=np.array([0, 2500, 2600]) + 1_700_000_000_000_000)
    with pytest.raises(InputError, match="start=first"):
        read(path, CAMERA)
    assert read(f"events:{path},start=first", CAMERA).shape[0] == 3


def test_flat_inputs_need_the_size_of_the_sensor(tmp_path):
    path = camera(tmp_path / "x.h5")
    with pytest.raises(InputError, match="options height= and width="):
        read(path, input_schedule(40))
    found = read(f"events:{path},height=4,width=5", input_schedule(40))
    assert np.array_equal(found.reshape(3, 1, 2, 4, 5), read(path, CAMERA))
    with pytest.raises(InputError, match="cannot be divided into frames"):
        read(f"events:{path},height=4,width=6", input_schedule(40))
    audio = camera(tmp_path / "y.h5", y=None, p=None)
    assert read(audio, input_schedule(5)).sum() == 3
    with pytest.raises(InputError, match=r"into an Input of shape \[p, y, x\]"):
        read(path, input_schedule(1, 2, 4, 5))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [0, 5, 4]}, r"x goes from 0 to 5, .* height 4, width 6, .* \[2, 4, 5\]"),
        ({"y": [0, 4, 3]}, "y goes from 0 to 4"),
        ({"p": [0, 2, 1]}, "p goes from 0 to 2.*polarity=ignore"),
        ({"x": [0, -1, 4]}, "x goes from -1 to 4"),
        ({"x": [0, 0.5, 4]}, "x is 0.5; expected whole numbers"),
        ({"t": [0, -5, 4]}, "time -5 is before the start"),
        ({"t": [0.0, np.nan, 4]}, "time nan"),
    ],
)
def test_events_outside_of_the_sensor_are_refused(tmp_path, columns, message):
    with pytest.raises(InputError, match=message):
        read(camera(tmp_path / "x.h5", **columns), CAMERA)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"t": None}, "has no 't'"),
        ({"x": None}, "has no 'x'"),
        ({"x": [1]}, r"x has shape \(1,\), t has \(3,\)"),
        ({"x": [[1, 2, 3]], "t": [[1, 2, 3]]}, "expected one axis"),
        ({"x": ["a", "b", "c"]}, "expected numbers"),
        ({"x": None, "y": None, "p": None, "t": None}, "no event list"),
    ],
)
def test_incomplete_event_lists_are_refused(tmp_path, columns, message):
    with pytest.raises(FileError, match=message):
        read(camera(tmp_path / "x.h5", **columns), CAMERA)


def test_groups_are_samples_in_order(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in ("10", "9", "0"):
            group = file.create_group(name)
            group["t"], group["x"] = [500], [{"0": 0, "9": 1, "10": 2}[name]]
        file["labels"] = [1, 2]
    assert np.array_equal(read(tmp_path / "x.h5", input_schedule(3))[0], np.eye(3))


def test_two_inputs_need_names(tmp_path):
    on = schedule(two_inputs(), STEP)
    with pytest.raises(InputError, match="drives one Input, but the graph has 'a', 'b'"):
        read(camera(tmp_path / "x.h5"), on)
