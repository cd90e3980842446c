"""`.npy` files of events: an array of records with the fields t, x and perhaps y and p."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nirx.errors import FileError, InputError
from nirx.graphs.schedule import schedule
from support.inputs import CAMERA, STEP, THREE, camera, input_schedule, read, two_inputs

EVENTS = {"x": [0, 4, 4], "y": [0, 3, 3], "p": [0, 1, 1], "t": [0, 2500, 2600]}
"""Those of `support.inputs.camera`."""


def events(path: Any, fields: list[tuple[str, str]], own: dict[str, str] | None = None) -> Any:
    """Three events with fields (name, dtype); `own` says which column a name holds."""
    array = np.zeros(3, fields)
    for name, _ in fields:
        array[name] = EVENTS.get((own or {}).get(name, name), [7, 8, 9])
    np.save(path, array)
    return path


@pytest.mark.parametrize(
    ("fields", "own"),
    [
        ([("t", "i8"), ("x", "i2"), ("y", "i2"), ("p", "i1")], {}),
        ([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("p", "?")], {}),
        ([("p", "u1"), ("y", ">i4"), ("x", ">f4"), ("t", ">f8")], {}),
        ([("more", "f4"), ("x", "i2"), ("t", "u4"), ("p", "i1"), ("y", "i2")], {}),
        (
            [("timestamp", "i8"), ("X", "i2"), ("y", "i2"), ("polarity", "i1")],
            {"timestamp": "t", "X": "x", "polarity": "p"},
        ),
    ],
)
def test_fields_in_any_order(tmp_path, fields, own):
    path = events(tmp_path / "x.npy", fields, own)
    assert np.array_equal(read(path, CAMERA), read(camera(tmp_path / "x.h5"), CAMERA))


def test_events_without_y_and_p_go_to_a_row_of_neurons(tmp_path):
    found = read(events(tmp_path / "x.npy", [("t", "i8"), ("x", "i8")]), input_schedule(5))
    assert found.shape == (3, 1, 5)
    assert found[:, 0].tolist() == [[1, 0, 0, 0, 0], [0] * 5, [0, 0, 0, 0, 2]]


@pytest.mark.parametrize(
    ("options", "total", "steps"), [("merge=any", 2, 3), ("unit=ms", 3, 2601), ("unit=1e-5", 3, 27)]
)
def test_options_of_events(tmp_path, options, total, steps):
    path = events(tmp_path / "x.npy", [(name, "i8") for name in EVENTS])
    found = read(f"npy:{path},{options}", CAMERA)
    assert (found.sum(), found.shape[0]) == (total, steps)


def test_no_events_are_silence(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(0, [("t", "i8"), ("x", "i8")]))
    assert read(tmp_path / "x.npy", steps=4).tolist() == [[[0, 0, 0]]] * 4


BAD = {
    "no field 't' among": np.zeros(3, [("x", "i8"), ("when", "f8")]),
    "no field 'x' among": np.zeros(3, [("t", "i8"), ("place", "f8")]),
    "'t' and 'timestamp'": np.zeros(3, [("t", "i8"), ("timestamp", "i8"), ("x", "i8")]),
    "has dtype": np.zeros(3, [("t", "U9"), ("x", "i8")]),
    "one axis": np.zeros((3, 2), [("t", "i8"), ("x", "i8")]),
    "time": np.array([(-5, 0)], [("t", "i8"), ("x", "i8")]),
    "x goes from 0 to 9": np.array([(0, 0), (1, 9)], [("t", "i8"), ("x", "i8")]),
}


@pytest.mark.parametrize("words", BAD)
def test_events_that_do_not_fit_are_refused(tmp_path, words):
    np.save(tmp_path / "x.npy", BAD[words])
    with pytest.raises((FileError, InputError), match=words):
        read(tmp_path / "x.npy", THREE)


def test_events_drive_one_input(tmp_path):
    path = events(tmp_path / "x.npy", [("t", "i8"), ("x", "i8")])
    with pytest.raises(InputError, match="drives one Input"):
        read(path, schedule(two_inputs(), STEP))


def test_an_array_of_numbers_takes_no_options_of_events(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 3)))
    with pytest.raises(InputError, match="unit= goes with events"):
        read(f"npy:{tmp_path / 'x.npy'},unit=ms")


def test_objects_in_fields_are_never_loaded(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(2, [("t", "i8"), ("x", "O")]))
    with pytest.raises(FileError, match="never loaded"):
        read(tmp_path / "x.npy")
